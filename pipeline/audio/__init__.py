"""Everything that touches sound. What a caller needs is named here; nothing else is for use outside.

Importing this costs nothing: numpy, PyAV and pydub are loaded by the functions that work with samples.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline.audio.bounded import ChildLimits
from pipeline.audio.delivery import (
    CEILING_DBTP,
    TARGET_LUFS,
    TOLERANCE_LU,
    Delivered,
    Delivery,
    FileCoding,
    Heard,
    LevelRule,
)
from pipeline.audio.formats import Coding, SpeechFormat, parse_format
from pipeline.audio.levels import Levels
from pipeline.audio.prepare import PreparedReference, prepare_reference
from pipeline.audio.rejection import AudioRejected, AudioToolFailed, Problem
from pipeline.audio.rules import Part, ReferenceRules, SourceFacts
from pipeline.audio.sniff import SNIFF_BYTES, Container, sniff

if TYPE_CHECKING:
    from pipeline.audio.delivering import deliver, measure_take
    from pipeline.audio.probe import SpeechProbe, count_speech_seconds, probe_speech
    from pipeline.audio.speech import (
        SpeechLevels,
        decode_speech,
        encode_speech,
        join,
        measure_speech,
        silence_share,
    )

_LOADED_ON_USE = {
    "deliver": "delivering",
    "measure_take": "delivering",
    "SpeechProbe": "probe",
    "count_speech_seconds": "probe",
    "probe_speech": "probe",
    "SpeechLevels": "speech",
    "decode_speech": "speech",
    "encode_speech": "speech",
    "join": "speech",
    "measure_speech": "speech",
    "silence_share": "speech",
}

__all__ = [
    "CEILING_DBTP",
    "SNIFF_BYTES",
    "TARGET_LUFS",
    "TOLERANCE_LU",
    "AudioRejected",
    "AudioToolFailed",
    "ChildLimits",
    "Coding",
    "Container",
    "Delivered",
    "Delivery",
    "FileCoding",
    "Heard",
    "LevelRule",
    "Levels",
    "Part",
    "PreparedReference",
    "Problem",
    "ReferenceRules",
    "SourceFacts",
    "SpeechFormat",
    "SpeechLevels",
    "SpeechProbe",
    "count_speech_seconds",
    "decode_speech",
    "deliver",
    "encode_speech",
    "join",
    "measure_speech",
    "measure_take",
    "parse_format",
    "prepare_reference",
    "probe_speech",
    "silence_share",
    "sniff",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attributes are of any type
    """Load what works with samples when it is first asked for."""
    if name in _LOADED_ON_USE:
        return getattr(import_module(f"{__name__}.{_LOADED_ON_USE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
