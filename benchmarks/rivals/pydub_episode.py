"""`python -m benchmarks.rivals.pydub_episode LIST OUT PAUSE_MS DBFS`: pydub alone: takes added one by one, MP3."""

import sys
from pathlib import Path

import imageio_ffmpeg
from pydub import AudioSegment


def main() -> None:
    """Join takes and bring them to a level."""
    takes, target, pause, level = sys.argv[1:]
    AudioSegment.converter = imageio_ffmpeg.get_ffmpeg_exe()
    silence = AudioSegment.silent(int(pause), 48_000).set_channels(2)
    episode = AudioSegment.empty().set_frame_rate(48_000).set_channels(2)
    for take in Path(takes).read_text().split():
        episode = episode + AudioSegment.from_wav(take).set_frame_rate(48_000).set_channels(2) + silence
    episode.apply_gain(float(level) - episode.dBFS).export(target, format="mp3", bitrate="128k")


if __name__ == "__main__":
    main()
