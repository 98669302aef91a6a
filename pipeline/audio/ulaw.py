"""G.711 mu-law, the coding of telephone lines."""

import numpy as np
import numpy.typing as npt

_BIAS = 0x84
_CLIP = 32_635
_EXPONENT_SHIFT = 7
_MANTISSA_SHIFT = 3


def decode(data: bytes) -> npt.NDArray[np.int16]:
    """Return the 16-bit samples of mu-law bytes."""
    code = ~np.frombuffer(data, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = (((mantissa << _MANTISSA_SHIFT) + _BIAS) << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def encode(pcm: npt.NDArray[np.int16]) -> bytes:
    """Return 16-bit samples as mu-law bytes."""
    wide = pcm.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - _EXPONENT_SHIFT
    mantissa = magnitude >> (exponent + _MANTISSA_SHIFT) & 15
    sign = np.where(wide < 0, 0x80, 0)
    code: npt.NDArray[np.uint8] = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)
    return code.tobytes()
