"""The sandbox's voices: clone, design and speak without network, key or model hub.

They serve wiring, timing and casting previews; they are not the provider's clone and not for release. Importing this
package loads neither a model nor a synthesiser.
"""

from pipeline.audio.speaker import SpeakerEncoder, speaker_encoder
from pipeline.sandbox.voice.engine import (
    PROCESS_ENVIRONMENT,
    SAMPLE_RATE,
    EngineUnavailable,
    SystemVoice,
    UnusableRecording,
    VoiceEngine,
)
from pipeline.sandbox.voice.profile import InvalidProfile, Profile
from pipeline.sandbox.voice.selection import ENGINE_NAMES, BestEngine, load_engine

__all__ = [
    "ENGINE_NAMES",
    "PROCESS_ENVIRONMENT",
    "SAMPLE_RATE",
    "BestEngine",
    "EngineUnavailable",
    "InvalidProfile",
    "Profile",
    "SpeakerEncoder",
    "SystemVoice",
    "UnusableRecording",
    "VoiceEngine",
    "load_engine",
    "speaker_encoder",
]
