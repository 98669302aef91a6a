from typing import Any

import pytest

from pipeline.storage.port import ObjectTooLarge
from tests.integration.api.callers import FILES, Caller, error, sha256
from tests.support.stage import Stage

BODY = b"twelve bytes"


def asked(*bodies: bytes, **change: object) -> dict[str, Any]:
    return {"files": [{"sha256": sha256(body), "bytes": len(body), **change} for body in bodies]}


def test_a_file_gets_a_form_until_it_is_there(studio: Caller, stage: Stage) -> None:
    (file,) = studio.post("/v1/uploads", asked(BODY)).json()["files"]
    assert (file["sha256"], file["present"]) == (sha256(BODY), False)
    stage.store.accept_upload(file["form"]["fields"], BODY)
    (file,) = studio.post("/v1/uploads", asked(BODY)).json()["files"]
    assert file == {"sha256": sha256(BODY), "present": True, "form": None}


def test_a_form_takes_no_more_than_what_was_declared(studio: Caller, stage: Stage) -> None:
    (file,) = studio.post("/v1/uploads", asked(BODY)).json()["files"]
    with pytest.raises(ObjectTooLarge):
        stage.store.accept_upload(file["form"]["fields"], BODY + b"!")


def test_a_file_larger_than_any_recording_may_be_gets_no_form(studio: Caller, stage: Stage) -> None:
    largest = stage.edge.reference_rules.max_bytes
    assert studio.post("/v1/uploads", asked(BODY, bytes=largest)).status_code == 200
    answer = studio.post("/v1/uploads", asked(BODY, bytes=largest + 1))
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert f"{largest:,}" in error(answer)["message"]
    assert studio.post("/v1/uploads", asked(BODY, bytes=10**30)).status_code == 400


@pytest.mark.parametrize("size", [0, -1, 1.5, None])
def test_a_size_that_no_file_has_is_refused(studio: Caller, size: object) -> None:
    answer = studio.post("/v1/uploads", asked(BODY, bytes=size))
    assert answer.status_code == 422
    assert "body.files.0.bytes" in error(answer)["message"]


def test_a_request_names_at_most_2000_files(studio: Caller) -> None:
    bodies = [f"{number}".encode() for number in range(2_001)]
    assert len(studio.post("/v1/uploads", asked(*bodies[:2_000])).json()["files"]) == 2_000
    answer = studio.post("/v1/uploads", asked(*bodies))
    assert answer.status_code == 422
    assert "2000" in error(answer)["message"]
    assert studio.post("/v1/uploads", asked()).json() == {"files": []}


def test_other_bytes_than_were_declared_are_refused_and_can_be_put_right(studio: Caller, stage: Stage) -> None:
    """A sheet may be saved anew between its hashing and its upload."""
    studio.upload()
    sheet = b"id,character,text\na_1,HERALD,Hm.\n"
    altered = sheet.replace(b"Hm", b"Ah")
    (file,) = studio.post("/v1/uploads", asked(sheet)).json()["files"]
    stage.store.accept_upload(file["form"]["fields"], altered)
    files = {**FILES, "lines.csv": sheet}
    answer = studio.start(files)
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert "lines.csv" in error(answer)["message"]
    assert studio.started(files)["production"] == "game"
