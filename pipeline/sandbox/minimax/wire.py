"""How MiniMax says what came of a call: HTTP 200, and a number in `base_resp`.

The numbers are documented. Which of them a case gets is assumed where the documentation leaves it open.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.box import call_of
from pipeline.sandbox.errors import INVALID, SandboxError

RATE, CONNECTIONS = 1002, 1041
UNAUTHORISED, NO_CREDIT = 1004, 1008
UNKNOWN, INTERNAL, DOWNSTREAM = 1000, 1024, 1033
BAD_PARAMETERS, BAD_SAMPLE, DURATION = 2013, 20132, 2037
ID_EXISTS, NOT_OWNER, NO_SUCH_VOICE = 2039, 2042, 2054

_BY_CODE = {
    "auth_error": UNAUTHORISED,
    "too_many_concurrent_requests": CONNECTIONS,
    "insufficient_credits": NO_CREDIT,
    "billing_error": NO_CREDIT,
    "voice_not_owned": NOT_OWNER,
    "ownership_write_failed": INTERNAL,
    "provider_error": DOWNSTREAM,
    "audio_unreadable": BAD_SAMPLE,
    "reference_too_short": DURATION,
    "reference_too_long": DURATION,
}
_BY_STATUS = {400: BAD_PARAMETERS, 413: BAD_PARAMETERS, 415: BAD_SAMPLE, 429: RATE}


class NumberedError(SandboxError):
    """A refusal that only this API words."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(400, message, kind=INVALID, code=str(number))


def bad(message: str) -> NumberedError:
    """The request itself is wrong."""
    return NumberedError(BAD_PARAMETERS, message)


def number_of(error: SandboxError) -> int:
    """Return the number of a refusal, whoever worded it."""
    if isinstance(error, NumberedError):
        return int(error.code)
    return _BY_CODE.get(error.code) or _BY_STATUS.get(error.status, UNKNOWN)


def reply(request: Request, body: Mapping[str, Any], number: int = 0, message: str = "success") -> JSONResponse:
    """Return an answer in this API's envelope."""
    base = {"status_code": number, "status_msg": message}
    return JSONResponse({**body, "base_resp": base}, headers={"Trace-Id": call_of(request).request_id})


class NumberedRoute(APIRoute):
    """A route whose refusals are answers like any other."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler, which never lets a refusal out."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except SandboxError as error:
                number = number_of(error)
                call_of(request).error_code = str(number)
                return reply(request, {}, number, error.message)

        return answer
