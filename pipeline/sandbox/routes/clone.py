"""`POST /v1/audio/voice-clone`: a recording in, a voice out, $2.10."""

import asyncio
from pathlib import PurePath

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.sandbox import errors
from pipeline.sandbox.body import FORM_OVERHEAD_BYTES, Form, Upload, parse_form, read_body
from pipeline.sandbox.media import Recording
from pipeline.sandbox.prices import CLONE_MODEL, MODELS
from pipeline.sandbox.purchase import Order, buy, checked_name, idempotency_key
from pipeline.sandbox.reference import cloned, measured
from pipeline.sandbox.visit import Visit

router = APIRouter()

MAX_FILE_BYTES = 10_000_000
_AUDIO_TYPES = {
    "audio/mpeg",
    "audio/mp3",
    "audio/wav",
    "audio/x-wav",
    "audio/wave",
    "audio/vnd.wave",
    "audio/mp4",
    "audio/m4a",
    "audio/x-m4a",
    "audio/aac",
}
_SUFFIXES = {".mp3", ".wav", ".m4a"}


@router.post("/v1/audio/voice-clone")
async def clone(request: Request) -> Response:
    """Make a voice that only the caller may speak with."""
    visit = await Visit.begin(request, counted=True)
    with visit.slot(MODELS[CLONE_MODEL]):
        body = await read_body(request, visit.call, MAX_FILE_BYTES + FORM_OVERHEAD_BYTES)
        order, recording = await asyncio.to_thread(_understand, visit, body)
        return await buy(visit, order, lambda engine: cloned(engine, recording))


def _understand(visit: Visit, body: bytes) -> tuple[Order, Recording]:
    """Check form, type, size and duration, in this order."""
    form = parse_form(visit.request.headers.get("content-type", ""), body)
    upload, name = _checked(form)
    visit.call.label, visit.call.file_sha256 = name or "", upload.sha256
    key = idempotency_key(visit, form.fields.get("idempotency_key"))
    recording = measured(upload.data)
    return Order("clone", MODELS[CLONE_MODEL], name, upload.sha256, key), recording


def _checked(form: Form) -> tuple[Upload, str | None]:
    upload = form.files.get("file")
    if upload is None or not upload.data:
        raise errors.invalid("file is required: an MP3, WAV or M4A recording")
    if form.fields.get("model", CLONE_MODEL) != CLONE_MODEL:
        raise errors.invalid(f"{form.fields['model']!r} is not a voice-clone model", "not_a_voice_clone_model")
    name = checked_name(form.fields.get("name"))
    _check_declared_type(upload)
    if len(upload.data) > MAX_FILE_BYTES:
        raise errors.too_large("the file", MAX_FILE_BYTES)
    return upload, name


def _check_declared_type(upload: Upload) -> None:
    """Take an audio type, or none in particular for a file with an audio name, as curl sends it."""
    declared = upload.content_type.partition(";")[0].strip().lower()
    by_name = declared == "application/octet-stream" and PurePath(upload.file_name).suffix.lower() in _SUFFIXES
    if declared not in _AUDIO_TYPES and not by_name:
        given = declared or "no type"
        raise errors.unsupported_media(f"the file part declares {given}; MP3, WAV and M4A are accepted")
