import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from pipeline import errors
from pipeline.cli.client import Client, segment
from pipeline.errors import CallsheetError, EnvironmentFault, ExitCode
from pipeline.settings import Settings

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CallsheetError)]
Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, *, bucket: Answer | None = None) -> Client:
    made = Client(Settings(api_url="http://api.invalid", api_key="cs_key"))
    made._http = httpx.Client(base_url=made.url, headers=made._http.headers, transport=httpx.MockTransport(answer))
    if bucket:
        made._bucket = httpx.Client(transport=httpx.MockTransport(bucket))
    return made


def answering(status: int, **content: object) -> Client:
    return client(lambda _: httpx.Response(status, **content))  # type: ignore[arg-type] # httpx's own arguments


@pytest.fixture
def dead() -> str:
    """An address on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_an_error_of_the_api_is_raised_as_what_it_is(kind: type[CallsheetError]) -> None:
    told = kind("It is so.", hint="Do this.", problems=[1]).as_dict()
    with pytest.raises(CallsheetError) as raised:
        answering(kind.http_status, json={"error": told}).get("/runs")
    assert type(raised.value) is kind
    assert raised.value.as_dict() == told
    assert raised.value.exit_code is kind.exit_code


def test_an_error_with_a_code_of_a_later_version_keeps_its_sentence() -> None:
    with pytest.raises(CallsheetError, match="New trouble") as raised:
        answering(418, json={"error": {"code": "teapot", "message": "New trouble."}}).get("/runs")
    assert raised.value.exit_code is ExitCode.PARTIAL


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, {"text": "Internal Server Error"}),
        (502, {"html": "<h1>Bad Gateway</h1>"}),
        (500, {"content": b"{broken", "headers": {"content-type": "application/json"}}),
        (404, {"json": {"detail": "Not Found"}}),
        (500, {"json": ["a", "list"]}),
        (200, {"html": "<h1>Another server</h1>"}),
        (200, {"content": b"{broken", "headers": {"content-type": "application/json"}}),
        (200, {"json": ["a", "list"]}),
        (204, {}),
    ],
)
def test_what_is_no_answer_of_our_api_is_a_fault_of_the_environment(status: int, content: dict[str, object]) -> None:
    with pytest.raises(EnvironmentFault) as raised:
        answering(status, **content).get("/runs")
    assert raised.value.hint


def test_an_api_that_is_away_is_named_with_the_next_step(dead: str) -> None:
    with pytest.raises(EnvironmentFault, match="does not answer: ConnectError") as raised:
        Client(Settings(api_url=dead, api_key="cs_key")).get("/runs")
    assert dead in raised.value.message
    assert "callsheet up" in raised.value.hint


def test_a_bucket_that_is_away_is_told_apart_from_the_api(dead: str, tmp_path: Path) -> None:
    file = tmp_path / "mara.mp3"
    file.write_bytes(b"x")
    mine = answering(200, json={})
    with pytest.raises(EnvironmentFault, match="bucket does not answer"):
        mine.download(f"{dead}/take.mp3")
    with pytest.raises(EnvironmentFault, match="bucket does not answer"):
        mine.upload({"url": dead, "fields": {}}, file)


def test_a_bucket_that_refuses_is_named_with_its_status(tmp_path: Path) -> None:
    file = tmp_path / "mara.mp3"
    file.write_bytes(b"x")
    mine = client(lambda _: httpx.Response(200, json={}), bucket=lambda _: httpx.Response(403))
    with pytest.raises(EnvironmentFault, match=r"refused mara.mp3 \(HTTP 403\)"):
        mine.upload({"url": "http://bucket.invalid", "fields": {"key": "k"}}, file)
    with pytest.raises(EnvironmentFault, match="answered 403"):
        mine.download("http://bucket.invalid/take.mp3")


def test_an_upload_sends_the_fields_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mara.mp3"
    file.write_bytes(b"the bytes")
    sent: list[bytes] = []

    def bucket(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        sent.append(request.read())
        return httpx.Response(204)

    client(lambda _: httpx.Response(200, json={}), bucket=bucket).upload(
        {"url": "http://bucket.invalid", "fields": {"key": "k"}}, file
    )
    assert 0 < sent[0].index(b'name="key"') < sent[0].index(b"the bytes")


def test_without_an_address_or_a_key_nobody_is_asked() -> None:
    for settings in (Settings(), Settings(api_url="http://api.invalid")):
        with pytest.raises(EnvironmentFault, match="No stack"):
            Client(settings)


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        (Settings(api_url="http://api:eighty", api_key="k"), "CALLSHEET_API_URL"),
        (Settings(api_url="http://api.invalid", api_key="schlüssel"), "CALLSHEET_API_KEY"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: Settings, variable: str) -> None:
    with pytest.raises(EnvironmentFault) as raised:
        Client(settings)
    assert variable in raised.value.hint


def test_a_list_is_read_page_by_page_to_its_end() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.params))
        after = int(request.url.params.get("after", -1))
        rows = [{"position": n} for n in range(after + 1, min(after + 3, 5))]
        return httpx.Response(200, json={"data": rows, "has_more": after + 3 < 5})

    found = list(client(answer).pages("/lines", "position", run=None))
    assert [row["position"] for row in found] == [0, 1, 2, 3, 4]
    assert asked == ["", "after=1", "after=3"]


@pytest.mark.parametrize("name", ["a/b", "../x", "a?b=c", "a#b", "a b", "💥"])
def test_a_name_stays_one_step_of_a_path(name: str) -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(200, json={})

    client(answer).get(f"/runs/{segment(name)}")
    assert paths[0].startswith(b"/v1/runs/")
    assert paths[0].count(b"/") == 3
    assert b"?" not in paths[0]


def test_the_key_goes_to_the_api_alone() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps({"got": request.headers["authorization"]}))

    assert client(answer).get("/runs") == {"got": "Bearer cs_key"}


def test_an_api_at_an_address_that_is_none_of_http_is_a_setting_to_correct() -> None:
    api = Client(Settings(api_url="ftp://x", api_key="cs_key"))
    with pytest.raises(EnvironmentFault, match="no address of http") as refused:
        api.get("/runs")
    assert "CALLSHEET_API_URL" in refused.value.hint
