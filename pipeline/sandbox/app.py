"""The ASGI application: routes, error envelopes, and the log line of every call."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.sandbox.box import Sandbox, call_of
from pipeline.sandbox.calls import Call, Delivery
from pipeline.sandbox.config import SandboxConfig
from pipeline.sandbox.errors import INVALID, SandboxError
from pipeline.sandbox.host import EngineLoader
from pipeline.sandbox.minimax import files, making, management, t2a
from pipeline.sandbox.routes import account, catalogue, clone, control, design, speech, transcriptions, voices
from pipeline.sandbox.visit import Strike
from pipeline.sandbox.voice import load_engine

log = logging.getLogger(__name__)

# Speech first: routes are tried in order, and it is called thousands of times as often as the others.
_ROUTERS = (
    *(speech, clone, design, transcriptions, voices, account, catalogue),
    *(t2a, making, files, management),
    control,
)
_UNLOGGED = ("/v1/health", "/__sandbox__/")


def create_app(config: SandboxConfig, loader: EngineLoader = load_engine) -> FastAPI:
    """Return the server; its ledger is opened at once, its voice engine when it starts to run."""
    box = Sandbox(config, loader)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        box.voices.start()
        yield
        box.close()

    app = FastAPI(title="Kyma sandbox", openapi_url=None, lifespan=lifespan)
    app.state.sandbox = box
    for module in _ROUTERS:
        app.include_router(module.router)
    app.exception_handler(SandboxError)(_refused)
    app.exception_handler(Strike)(_struck)
    app.exception_handler(HTTPException)(_unrouted)
    app.add_middleware(CallLog, box=box)
    return app


class CallLog:
    """Gives each request its id and its log line, written before the answer leaves and again afterwards."""

    def __init__(self, app: ASGIApp, box: Sandbox) -> None:
        self._app = app
        self._box = box

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request; whatever goes wrong inside becomes an enveloped 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = Call(self._box.clock.now_ms(), scope["method"], scope["path"])
        call.read_headers(Request(scope).headers)
        scope.setdefault("state", {})["call"] = call
        answer = _Answer(self._box, call, send)
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            call.vanished = True
        except Exception:
            if answer.started or call.delivery is Delivery.RESET:
                raise
            log.exception("%s %s failed (%s)", call.method, call.route, call.request_id)
            await _internal_error()(scope, receive, answer.send)
        finally:
            answer.close()


class _Answer:
    """The way out: adds the sandbox's headers and keeps the log line true."""

    def __init__(self, box: Sandbox, call: Call, send: Send) -> None:
        self._box = box
        self._call = call
        self._send = send
        self._logged = not call.route.startswith(_UNLOGGED)
        self.started = False

    async def send(self, message: Message) -> None:
        """Log the status before the first byte leaves, and after the last one that it did."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._call.delivery = Delivery.VANISHED if self._call.vanished else Delivery.ANSWERED

    async def _begin(self, message: Message) -> None:
        date = formatdate(self._box.clock.now(), usegmt=True)
        ours = [
            (b"date", date.encode()),
            (b"x-sandbox", b"1"),
            (b"x-request-id", self._call.request_id.encode()),
        ]
        message["headers"] = [*message["headers"], *ours]
        # A charge has already written the line, with the status in it.
        written = self._call.status == message["status"]
        self._call.status = message["status"]
        if self._logged and not written:
            await self._box.store.run(self._box.book.log, self._call.row())
        self.started = True

    def close(self) -> None:
        """Write the line for the last time."""
        if self._call.vanished and self._call.delivery is Delivery.PENDING:
            self._call.delivery = Delivery.VANISHED
        if self._logged:
            self._box.note(self._call)


def _internal_error() -> Response:
    error = SandboxError(
        500, "The sandbox failed; its log has the traceback", kind="server_error", code="internal_error"
    )
    return JSONResponse(error.body, error.status)


async def _refused(request: Request, error: SandboxError) -> Response:
    call_of(request).error_code = error.code or error.kind
    return JSONResponse(error.body, error.status, error.headers)


async def _struck(_: Request, strike: Strike) -> Response:
    return strike.response


async def _unrouted(request: Request, error: HTTPException) -> Response:
    """Answer for paths and methods that do not exist."""
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    envelope = SandboxError(error.status_code, str(error.detail), kind=INVALID, code=code, headers=error.headers)
    return await _refused(request, envelope)
