"""Presigned uploads: bodies go from the client to the bucket, never through the API or a task."""

from typing import Any

from fastapi import APIRouter

from pipeline.api.deps import AccountId, TheEdge
from pipeline.api.faults import SCOPED, refusals
from pipeline.api.schemas import UploadRequest
from pipeline.errors import UsageError
from pipeline.references.rules import upload_key

CONTENT_TYPE = "application/octet-stream"
router = APIRouter(tags=["submissions"], responses=SCOPED)


@router.post(
    "/uploads", summary="Forms for the files that the bucket does not have yet", responses=refusals(UsageError)
)
def uploads(body: UploadRequest, edge: TheEdge, account_id: AccountId) -> dict[str, Any]:
    """Return, for each file, whether it is there, and else a form valid for ten minutes and at most its size."""
    largest = edge.reference_rules.max_bytes
    too_large = [file.sha256 for file in body.files if file.bytes > largest]
    if too_large:
        raise UsageError(f"{len(too_large)} files have more than {largest:,} bytes.", hint="Shorten or compress them.")
    answers = []
    for file in body.files:
        key = upload_key(account_id, file.sha256)
        is_there = edge.store.head(key) is not None
        form = None if is_there else edge.store.upload_form(key, content_type=CONTENT_TYPE, max_bytes=file.bytes)
        answers.append(
            {
                "sha256": file.sha256,
                "present": is_there,
                "form": {"url": form.url, "fields": dict(form.fields)} if form else None,
            }
        )
    return {"files": answers}
