# ruff: noqa: INP001, PLR2004 - a script beside its data, not a package; where things stand in a picture
"""Draws the example's cover: `python examples/episode/make_cover.py`. Shapes alone, no letters: no font, no licence."""

from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
Colour: TypeAlias = tuple[int, int, int]

FILE = Path(__file__).with_name("cover.png")
SIDE = 1400
"""Pixels: the least that podcast directories take."""
FINE = 2
"""Drawn at so many times the size and brought down, so that edges are smooth."""
NIGHT, DUSK, SEA, ROCK = (21, 32, 58), (52, 66, 104), (14, 22, 42), (38, 36, 44)
WALL, BAND, LAMP, BEAM = (238, 230, 214), (184, 62, 52), (255, 226, 140), (122, 118, 118)
LAMP_AT = (0.5, 0.29)
"""Right and down, in sides."""


def main() -> None:
    """Draw it and write it."""
    axis = (np.arange(SIDE * FINE) + 0.5) / (SIDE * FINE)
    x, y = np.meshgrid(axis, axis)
    picture = np.empty((*x.shape, 3), dtype=np.uint8)
    picture[:] = NIGHT
    for shape, colour in shapes(x, y):
        picture[shape] = colour
    small = picture.reshape(SIDE, FINE, SIDE, FINE, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = SIDE, SIDE, "rgb24"
    frame = av.VideoFrame.from_ndarray(small, "rgb24")
    FILE.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))


def shapes(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[Mask, Colour]]:
    """Return what is drawn, the farthest first."""
    across, down = x - LAMP_AT[0], y - LAMP_AT[1]
    half = 0.055 + 0.07 * (y - 0.33)
    tower = (np.abs(across) < half) & (y > 0.33) & (y < 0.86)
    bands = tower & (((y - 0.33) // 0.106).astype(int) % 2 == 1)
    beam = (np.abs(down + 0.12 * across) < 0.18 * np.abs(across)) & (np.abs(across) > 0)
    roof = (np.abs(across) < 0.075 * (y - 0.19) / 0.05) & (y > 0.19) & (y < 0.24)
    waves = y > 0.84 + 0.008 * np.sin(x * 40)
    return [
        (y > 0.62, DUSK),
        (beam & (y < 0.62), BEAM),
        (waves, SEA),
        ((across / 0.3) ** 2 + ((y - 0.9) / 0.09) ** 2 < 1, ROCK),
        (tower, WALL),
        (bands, BAND),
        ((np.abs(across) < 0.085) & (np.abs(y - 0.335) < 0.01), ROCK),
        ((np.abs(across) < 0.05) & (y > 0.24) & (y < 0.33), DUSK),
        (across**2 + down**2 < 0.03**2, LAMP),
        (roof, BAND),
    ]


if __name__ == "__main__":
    main()
