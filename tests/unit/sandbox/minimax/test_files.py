import pytest

from tests.support.sandbox_client import ANN, BOB, MiniMaxClient, Sandboxes, number, numbered


def test_a_file_id_is_more_than_a_double_can_hold_and_never_repeats(sandbox: Sandboxes) -> None:
    minimax = MiniMaxClient(sandbox())
    first, second = minimax.upload(b"one"), minimax.upload(b"two")

    assert 2**53 < first < second < 2**63
    assert int(float(first)) != first or int(float(second)) != second


def test_a_file_is_listed_described_fetched_and_deleted(sandbox: Sandboxes) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    file_id = minimax.upload(b"one")
    (listed,) = numbered(client("GET", "/v1/files/list?purpose=voice_clone"))["files"]
    described = numbered(client("GET", f"/v1/files/retrieve?file_id={file_id}"))["file"]

    assert (listed["file_id"], listed["bytes"], listed["purpose"]) == (file_id, 3, "voice_clone")
    assert client("GET", described["download_url"].removeprefix("http://sandbox")).content == b"one"
    assert number(minimax("files/delete", {"file_id": file_id, "purpose": "voice_clone"})) == 0
    assert number(numbered(client("GET", f"/v1/files/retrieve?file_id={file_id}"))) == 2013


def test_nobody_else_sees_a_file(sandbox: Sandboxes) -> None:
    client = sandbox()
    file_id = MiniMaxClient(client).upload(b"one")

    assert numbered(client("GET", "/v1/files/list", BOB))["files"] == []
    assert number(numbered(client("GET", f"/v1/files/retrieve?file_id={file_id}", BOB))) == 2013


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"purpose": "fun"}, "files": {"file": ("a", b"x")}},
        {"data": {"purpose": "voice_clone"}, "files": {"other": ("a", b"x")}},
        {"data": {"purpose": "voice_clone"}, "files": {"file": ("a", b"")}},
        {"json": {}},
    ],
)
def test_an_upload_that_is_none_is_refused(sandbox: Sandboxes, options: dict[str, object]) -> None:
    assert number(numbered(sandbox()("POST", "/v1/files/upload", **options))) == 2013


def test_no_recording_reaches_the_disk_and_old_ones_make_room(
    sandbox: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sandbox.shelf.MOST_BYTES", 2000)
    client = sandbox()
    minimax = MiniMaxClient(client)
    first, *_, last = [minimax.upload(b"recording" * 100) for _ in range(3)]

    assert client("GET", "/__sandbox__/state").json()["files"] == 2
    assert client.box.shelf.get("ann", first) is None
    assert client.box.shelf.get("ann", last) is not None
    assert all(b"recording" not in file.read_bytes() for file in client.box.config.db.parent.iterdir())


def test_a_wrong_key_is_told_by_number(sandbox: Sandboxes) -> None:
    assert number(numbered(sandbox()("GET", "/v1/files/list", f"{ANN}x"))) == 1004
