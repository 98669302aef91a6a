"""`POST /v1/audio/transcriptions`: the words of what was spoken here, charged by the minute begun.

The sandbox hears nothing. It knows its own renditions by their hash; any other recording comes back without words.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pipeline.sandbox import errors
from pipeline.sandbox.body import FORM_OVERHEAD_BYTES, Form, Upload, parse_form, read_body
from pipeline.sandbox.book import Rendition, Sale
from pipeline.sandbox.media import NotAccepted, Unreadable, decode
from pipeline.sandbox.money import format_usd, usd_number
from pipeline.sandbox.prices import Model, transcription_model
from pipeline.sandbox.visit import Visit

router = APIRouter()

MAX_FILE_BYTES = 25_000_000
SECONDS_A_MINUTE = 60
NO_CREDITS = "billing_error"


@dataclass(frozen=True, slots=True)
class Heard:
    """Words, and how long they take in seconds."""

    text: str
    language: str
    seconds: float
    model: Model

    @property
    def minutes(self) -> int:
        """Return minutes begun, which is what is billed."""
        return max(1, math.ceil(self.seconds / SECONDS_A_MINUTE))

    @property
    def price(self) -> int:
        """Return the price in micro-dollars."""
        return self.minutes * self.model.price


@router.post("/v1/audio/transcriptions")
async def transcribe(request: Request) -> Response:
    """Return the text of a rendition in the format asked for."""
    visit = await Visit.begin(request, counted=True)
    body = await read_body(request, visit.call, MAX_FILE_BYTES + FORM_OVERHEAD_BYTES)
    form = await asyncio.to_thread(_form, request, body)
    model, write = _model(form), _writer(form)
    with visit.slot(model):
        upload = _upload(form)
        visit.call.file_sha256 = upload.sha256
        spoken = await visit.box.store.run(visit.box.book.find_rendition, upload.sha256)
        seconds = spoken.seconds if spoken is not None else await asyncio.to_thread(_seconds, upload)
        heard = Heard(_words(spoken), form.fields.get("language", "en"), seconds, model)
        balance, _ = await visit.look_up()
        visit.check_funds(balance, heard.price, NO_CREDITS)
        await visit.upstream()
        visit.after_upstream()
        sale = Sale("transcription", model.id, heard.minutes, heard.price)
        left = await visit.settle(lambda: visit.box.book.sell(visit.call, sale), heard.price, NO_CREDITS)
    return await visit.answer(write(heard, left))


def _form(request: Request, body: bytes) -> Form:
    if request.headers.get("content-type", "").startswith("application/json"):
        raise errors.invalid("audio_url is not fetched by the sandbox: upload the file as multipart/form-data")
    return parse_form(request.headers.get("content-type", ""), body)


def _model(form: Form) -> Model:
    name = form.fields.get("model", "transcribe")
    model = transcription_model(name)
    if model is None:
        raise errors.invalid(f"{name!r} is not a transcription model")
    return model


def _upload(form: Form) -> Upload:
    upload = form.files.get("file")
    if upload is None or not upload.data:
        raise errors.invalid("file is required")
    if len(upload.data) > MAX_FILE_BYTES:
        raise errors.too_large("the file", MAX_FILE_BYTES)
    return upload


def _seconds(upload: Upload) -> float:
    try:
        return decode(upload.data).seconds
    except NotAccepted as error:
        raise errors.unsupported_media(str(error)) from error
    except Unreadable as error:
        raise errors.invalid(str(error), "audio_unreadable") from error


def _words(spoken: Rendition | None) -> str:
    return spoken.text if spoken is not None else ""


Writer = Callable[[Heard, int], Response]


def _writer(form: Form) -> Writer:
    name = form.fields.get("response_format", "json")
    if name not in _WRITERS:
        raise errors.invalid(f"response_format must be one of {', '.join(_WRITERS)}")
    return _WRITERS[name]


def _as_json(heard: Heard, balance: int) -> Response:
    segment = {"id": 0, "start": 0.0, "end": heard.seconds, "text": heard.text}
    body = {
        "text": heard.text,
        "language": heard.language,
        "duration": heard.seconds,
        "segments": [segment] if heard.text else [],
        "model": heard.model.id,
        "billing": {
            "billable_minutes": heard.minutes,
            "cost_usd": usd_number(heard.price),
            "balance_usd": usd_number(balance),
        },
    }
    return JSONResponse(body)


def _as_text(heard: Heard, balance: int) -> Response:
    return _plain(heard.text, heard, balance)


def _as_srt(heard: Heard, balance: int) -> Response:
    cue = f"1\n{_stamp(0, ',')} --> {_stamp(heard.seconds, ',')}\n{heard.text}\n"
    return _plain(cue if heard.text else "", heard, balance)


def _as_vtt(heard: Heard, balance: int) -> Response:
    cue = f"\n{_stamp(0, '.')} --> {_stamp(heard.seconds, '.')}\n{heard.text}\n"
    return _plain("WEBVTT\n" + (cue if heard.text else ""), heard, balance)


def _plain(text: str, heard: Heard, balance: int) -> Response:
    headers = {
        "X-Kyma-Duration-Sec": f"{heard.seconds:.2f}",
        "X-Kyma-Billable-Minutes": str(heard.minutes),
        "X-Kyma-Cost-USD": format_usd(heard.price),
        "X-Kyma-Balance-USD": format_usd(balance),
    }
    return PlainTextResponse(text, headers=headers)


def _stamp(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, SECONDS_A_MINUTE)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}{point}{milliseconds:03d}"


_WRITERS: dict[str, Writer] = {
    "json": _as_json,
    "verbose_json": _as_json,
    "text": _as_text,
    "srt": _as_srt,
    "vtt": _as_vtt,
}
