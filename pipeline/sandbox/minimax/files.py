"""`/v1/files/*`: recordings on their way into a clone."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.sandbox.body import FORM_OVERHEAD_BYTES, parse_form, read_body
from pipeline.sandbox.minimax import wire
from pipeline.sandbox.minimax.fields import arrive, integer_of
from pipeline.sandbox.shelf import ShelvedFile
from pipeline.sandbox.visit import Visit

router = APIRouter(prefix="/v1/files", route_class=wire.NumberedRoute)

MAX_FILE_BYTES = 20_000_000
_PURPOSES = ("voice_clone", "prompt_audio", "t2a_async_input")


@router.post("/upload")
async def upload(request: Request) -> Response:
    """Take a file and give it an id."""
    visit = await Visit.begin(request, counted=False)
    body = await read_body(request, visit.call, MAX_FILE_BYTES + FORM_OVERHEAD_BYTES)
    form = await asyncio.to_thread(parse_form, request.headers.get("content-type", ""), body)
    purpose, found = form.fields.get("purpose", ""), form.files.get("file")
    if purpose not in _PURPOSES:
        raise wire.bad(f"purpose must be one of {', '.join(_PURPOSES)}")
    if found is None or not 0 < len(found.data) <= MAX_FILE_BYTES:
        raise wire.bad(f"file must hold 1 to {MAX_FILE_BYTES} bytes")
    visit.call.file_sha256 = found.sha256
    await visit.upstream()
    visit.after_upstream()
    kept = visit.box.shelf.put(visit.user, purpose, found)
    return await visit.answer(wire.reply(request, {"file": _row(kept)}))


@router.get("/list")
async def listing(request: Request, purpose: str = "voice_clone") -> Response:
    """List the caller's files of one purpose."""
    visit = await Visit.begin(request, counted=False)
    rows = [_row(file) for file in visit.box.shelf.of(visit.user, purpose)]
    return await visit.read(wire.reply(request, {"files": rows}))


@router.get("/retrieve")
async def retrieve(request: Request, file_id: int) -> Response:
    """Describe one file."""
    visit = await Visit.begin(request, counted=False)
    file = _found(visit, file_id)
    link = str(request.url_for("content").include_query_params(file_id=file_id))
    return await visit.read(wire.reply(request, {"file": _row(file) | {"download_url": link}}))


@router.get("/retrieve_content")
async def content(request: Request, file_id: int) -> Response:
    """Return the bytes of one file."""
    visit = await Visit.begin(request, counted=False)
    file = _found(visit, file_id)
    return await visit.read(Response(file.upload.data, media_type="application/octet-stream"))


@router.post("/delete")
async def delete(request: Request) -> Response:
    """Forget one file."""
    visit, body = await arrive(request)
    file = _found(visit, integer_of(body, "file_id"))
    visit.box.shelf.drop(file.file_id)
    return await visit.read(wire.reply(request, {"file_id": file.file_id}))


def _found(visit: Visit, file_id: int) -> ShelvedFile:
    file = visit.box.shelf.get(visit.user, file_id)
    if file is None:
        raise wire.bad(f"there is no file {file_id}")
    return file


def _row(file: ShelvedFile) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "bytes": len(file.upload.data),
        "created_at": file.created_ms // 1000,
        "filename": file.upload.file_name,
        "purpose": file.purpose,
    }
