"""From the bytes of a reference to a voice: the checks and the cloning that every API shares."""

from pipeline.sandbox import errors
from pipeline.sandbox.media import MAX_REFERENCE_S, NotAccepted, Recording, Unreadable, decode
from pipeline.sandbox.voice import Profile, UnusableRecording, VoiceEngine

MIN_REFERENCE_S = 10.0


def measured(data: bytes) -> Recording:
    """Decode a reference and check its length, which is that of the decoded sound."""
    try:
        recording = decode(data)
    except NotAccepted as error:
        raise errors.unsupported_media(str(error)) from error
    except Unreadable as error:
        raise errors.invalid(str(error), "audio_unreadable") from error
    if recording.seconds < MIN_REFERENCE_S:
        message = f"the reference lasts {recording.seconds:.2f} s; at least {MIN_REFERENCE_S:g} s are needed"
        raise errors.invalid(message, "reference_too_short")
    if recording.seconds > MAX_REFERENCE_S:
        raise errors.invalid(f"the reference lasts more than {MAX_REFERENCE_S:g} s", "reference_too_long")
    return recording


def cloned(engine: VoiceEngine, recording: Recording) -> Profile:
    """Return the voice of a recording; 502 where it holds none."""
    try:
        return engine.clone(recording.pcm, recording.rate)
    except UnusableRecording as error:
        raise errors.provider_failed(f"Upstream provider could not clone this recording: {error}") from error
