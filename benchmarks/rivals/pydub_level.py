"""`python -m benchmarks.rivals.pydub_level IN OUT DBFS RATE`: pydub alone: read it whole, one gain, MP3."""

import sys

import imageio_ffmpeg
from pydub import AudioSegment


def main() -> None:
    """Bring a recording to a level."""
    source, target, level, rate = sys.argv[1:]
    AudioSegment.converter = imageio_ffmpeg.get_ffmpeg_exe()
    sound = AudioSegment.from_wav(source).set_channels(1).set_frame_rate(int(rate))
    levelled = sound.apply_gain(float(level) - sound.dBFS)
    levelled.export(target, format="mp3", bitrate="192k")


if __name__ == "__main__":
    main()
