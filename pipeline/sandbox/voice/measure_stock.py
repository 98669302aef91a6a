"""Writes `assets/stock_voices.npz`: how each stock style sounds. Run once whenever the styles or the analysis change.

python -m pipeline.sandbox.voice.measure_stock
"""

from pathlib import Path

import numpy as np

from pipeline.audio.speaker import speaker_encoder
from pipeline.sandbox.voice.analysis import measure
from pipeline.sandbox.voice.catalogue import MEASUREMENTS_FILE, STOCK_VOICES
from pipeline.sandbox.voice.engine import SAMPLE_RATE
from pipeline.sandbox.voice.natural import NaturalEngine
from pipeline.sandbox.voice.styles import style_bank

_TEXT = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
)


def main() -> None:
    """Speak a passage in every stock style, measure and store."""
    engine = NaturalEngine()
    scalars, envelopes, embeddings = [], [], []
    for stock in STOCK_VOICES:
        pcm = engine.synthesise(_TEXT, style_bank().only(stock.style))
        found = measure(pcm, SAMPLE_RATE)
        scalars.append([found.f0_hz, found.f0_spread, found.voiced, found.bandwidth_hz])
        envelopes.append(found.envelope)
        embeddings.append(speaker_encoder().embed(pcm, SAMPLE_RATE))
    np.savez_compressed(
        Path(__file__).with_name("assets") / MEASUREMENTS_FILE,
        names=np.array([stock.style for stock in STOCK_VOICES]),
        scalars=np.array(scalars, np.float32),
        envelopes=np.array(envelopes, np.float16),
        embeddings=np.array(embeddings, np.float16),
    )


if __name__ == "__main__":
    main()
