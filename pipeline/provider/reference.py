"""The recording of a clone request, read before anything is sent."""

from pipeline.provider.errors import NotSent, Refused
from pipeline.provider.port import CloneRequest


def recording(request: CloneRequest, max_bytes: int) -> bytes:
    """Return the whole file, so that a disk error cannot strike in mid-request.

    Raises:
        NotSent: it could not be read.
        Refused: it is empty or longer than any reading of the provider's limit.
    """
    try:
        content = request.reference.read(max_bytes + 1)
    except OSError as error:
        raise NotSent(f"The reference {request.filename!r} could not be read: {error}") from error
    if not 0 < len(content) <= max_bytes:
        raise Refused(
            f"The reference {request.filename!r} is {'too large' if content else 'empty'}: "
            f"1 to {max_bytes} bytes are allowed. Nothing was sent."
        )
    return content
