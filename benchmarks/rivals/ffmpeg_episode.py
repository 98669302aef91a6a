"""`python -m benchmarks.rivals.ffmpeg_episode LIST OUT PAUSE_MS LUFS`: ffmpeg's concat, then ffmpeg-normalize, MP3."""

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg


def main() -> None:
    """Join takes and bring them to a loudness."""
    takes, target, pause, level = sys.argv[1:]
    ffmpeg, folder = imageio_ffmpeg.get_ffmpeg_exe(), Path(target).parent
    quiet = [ffmpeg, "-y", "-v", "error"]
    silence, joined, listed = folder / "silence.wav", folder / "joined.wav", folder / "concat.txt"
    source = f"anullsrc=r=44100:cl=mono:d={int(pause) / 1000}"
    subprocess.run([*quiet, "-f", "lavfi", "-i", source, "-c:a", "pcm_s16le", str(silence)], check=True)
    listed.write_text("".join(f"file '{take}'\nfile '{silence}'\n" for take in Path(takes).read_text().split()))
    joining = ["-f", "concat", "-safe", "0", "-i", str(listed), "-ac", "2", "-ar", "48000", str(joined)]
    subprocess.run([*quiet, *joining], check=True)
    coding = ["-c:a", "libmp3lame", "-b:a", "128k", "-ar", "48000"]
    normalize = [sys.executable, "-m", "ffmpeg_normalize", str(joined), "-o", target, "-f", "-t", level, "-tp", "-1"]
    subprocess.run([*normalize, *coding], check=True)
    joined.unlink()


if __name__ == "__main__":
    main()
