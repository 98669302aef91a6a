"""One authenticated request on its way: who calls, what breaks where, and the order of the steps.

arrival -> limiter -> form -> balance -> upstream -> ownership and charge -> answer
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from pipeline.sandbox import errors
from pipeline.sandbox.body import drain
from pipeline.sandbox.book import InsufficientFunds, Voice
from pipeline.sandbox.box import Sandbox, call_of, key_id, sandbox_of
from pipeline.sandbox.calls import Call, Delivery
from pipeline.sandbox.config import ApiKey
from pipeline.sandbox.faults import Drawn, Point
from pipeline.sandbox.host import Utterance
from pipeline.sandbox.prices import Model
from pipeline.sandbox.transport import Reset, Truncated, on_vanish

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


class Strike(Exception):
    """A fault that answers in place of the route."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Visit:
    """A request that was let in. Each step applies the faults that belong to it."""

    def __init__(self, request: Request, caller: ApiKey, drawn: Drawn) -> None:
        self.request = request
        self.box: Sandbox = sandbox_of(request)
        self.call: Call = call_of(request)
        self.caller = caller
        self.drawn = drawn
        self.gone = asyncio.Event()
        on_vanish(request.scope, self._vanished)

    @classmethod
    async def begin(cls, request: Request, *, counted: bool) -> Self:
        """Authenticate, and count against the requests a minute when the call runs a model."""
        box, call = sandbox_of(request), call_of(request)
        drawn = _draw(request, box)
        call.faults = str(drawn)
        if Point.RESET_BEFORE in drawn:
            await drain(request)
            _reset(call)
        caller = box.who(request.headers.get("authorization", ""))
        if caller is None:
            raise errors.unauthorized()
        call.user, call.key_id = caller.user, key_id(caller.key)
        if Point.RATE_LIMITED in drawn:
            wait = round(drawn.seconds(Point.RATE_LIMITED))
            raise errors.rate_limited("Rate limit exceeded. Try again in a few seconds.", wait)
        if counted:
            box.limiter.count_request(caller.user, caller.tier)
        return cls(request, caller, drawn)

    @property
    def user(self) -> str:
        """Return who calls."""
        return self.caller.user

    def slot(self, model: Model) -> AbstractContextManager[None]:
        """Hold one of the caller's places in flight, whether or not the caller stays."""
        return self.box.limiter.slot(self.user, self.caller.tier, model)

    async def look_up(self, voice_id: str | None = None) -> tuple[int, Voice | None]:
        """Log that work starts; return the balance and the voice asked for."""
        return await self.box.store.run(self.box.book.begin, self.call.row(), self.user, voice_id)

    def check_funds(self, balance: int, price: int, code: str) -> None:
        """Refuse with the endpoint's own 402 code when the balance, in micro-dollars, does not cover the price."""
        if balance < price or Point.NO_FUNDS in self.drawn:
            raise errors.insufficient(code, price, balance)

    def spoil(self, line: Utterance) -> None:
        """Draw what is wrong with the answer to this line, and note it in the call log before any work."""
        config = self.box.config
        flaw = self.box.spoiler.draw(config.bad_audio, config.bad_audio_seed, line.text, line.voice_id)
        self.drawn = Drawn((*self.drawn.faults, *flaw.faults))
        self.call.faults = str(self.drawn)

    async def upstream(self) -> None:
        """Wait as long as the upstream takes, and fail where it is asked to."""
        delay = self.box.config.latency_ms / 1000 + self.drawn.seconds(Point.SLOW)
        if delay > 0:
            await asyncio.sleep(delay)
        self._strike_gateway(Point.BAD_GATEWAY_JSON)
        if Point.BAD_GATEWAY_HTML in self.drawn:
            raise Strike(HTMLResponse(_HTML, 502))

    def after_upstream(self) -> None:
        """Break between the upstream's work and the charge."""
        if Point.RESET_AFTER_UPSTREAM in self.drawn:
            _reset(self.call)

    async def settle(self, sell: Callable[[], int], price: int, code: str) -> int:
        """Write the sale on the store's thread; 402 when other calls have spent the balance meanwhile."""
        try:
            return await self.box.store.run(sell)
        except InsufficientFunds as error:
            raise errors.insufficient(code, price, error.balance) from error

    async def answer(self, response: Response) -> Response:
        """Break after the charge, or return the answer, spoilt where that is asked for."""
        if Point.RESET_AFTER_CHARGE in self.drawn:
            _reset(self.call)
        hang = self.drawn.seconds(Point.HANG_AFTER_CHARGE)
        if hang:
            await self._hang(hang)
        self._strike_gateway(Point.BAD_GATEWAY_AFTER_CHARGE)
        if Point.WRONG_CONTENT_TYPE in self.drawn:
            response.headers["content-type"] = "text/html; charset=utf-8"
        if Point.EMPTY_AUDIO in self.drawn:
            response.body = b""
            response.headers["content-length"] = "0"
        if Point.TRUNCATE_BODY in self.drawn:
            self.call.delivery = Delivery.TRUNCATED
            return Truncated(response)
        return response

    async def read(self, response: Response) -> Response:
        """Take a request that costs nothing through all the steps at once."""
        await self.upstream()
        self.after_upstream()
        return await self.answer(response)

    async def _hang(self, seconds: float) -> None:
        """Say nothing for so long, or until nobody listens."""
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
        except TimeoutError:
            return

    def _strike_gateway(self, point: Point) -> None:
        if point in self.drawn:
            raise errors.provider_failed("Upstream provider failed")

    def _vanished(self) -> None:
        self.gone.set()
        self.call.vanished = True
        self.box.note(self.call)


def _draw(request: Request, box: Sandbox) -> Drawn:
    try:
        return box.faults.draw(request.url.path, request.headers.get("x-sandbox-fault", ""))
    except ValueError as error:
        raise errors.invalid(f"X-Sandbox-Fault: {error}") from error


def _reset(call: Call) -> None:
    call.delivery = Delivery.RESET
    raise Strike(Reset())
