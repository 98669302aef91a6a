"""The commands' way to the API: JSON in, JSON out, and the API's errors as our own."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import httpx

from pipeline.errors import CallsheetError, EnvironmentFault
from pipeline.settings import Settings

TIMEOUT = httpx.Timeout(60.0, connect=5.0)
LONG_TIMEOUT = httpx.Timeout(600.0, connect=5.0)
"""For what the API does step by step, however large the run."""
EVENTS_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
"""Three times as long as the API is ever silent while somebody watches a run."""
Json = dict[str, Any]


class Client:
    """Speaks to the API for one account. Raises the API's errors with their code, sentence and exit code."""

    def __init__(self, settings: Settings) -> None:
        if settings.api_url is None or settings.api_key is None:
            raise EnvironmentFault(
                "No stack is running here.", hint="Run `callsheet up`, or set CALLSHEET_API_URL and CALLSHEET_API_KEY."
            )
        self.url = settings.api_url
        self._http = _http(settings.api_url, settings.api_key.get_secret_value())
        self._bucket = httpx.Client(timeout=httpx.Timeout(300.0, connect=5.0), trust_env=False)

    def get(self, path: str, **params: object) -> Json:
        """Ask. A list gives its parameter once for each of its items."""
        given = {
            name: [str(item) for item in value] if isinstance(value, list) else str(value)
            for name, value in params.items()
            if value is not None
        }
        return self._send("GET", path, params=given)

    def post(self, path: str, body: Mapping[str, object], *, takes_long: bool = False) -> Json:
        """Send."""
        return self._send("POST", path, json=dict(body), timeout=LONG_TIMEOUT if takes_long else TIMEOUT)

    def rows(self, path: str, body: Mapping[str, object]) -> Iterator[Json]:
        """Send, and yield the answer's rows of JSON as they come."""
        try:
            with self._http.stream("POST", f"/v1{path}", json=dict(body), timeout=LONG_TIMEOUT) as answer:
                if answer.is_error:
                    answer.read()
                    raise _error(answer, _body(answer) or {})
                for row in answer.iter_lines():
                    yield json.loads(row)
        except (httpx.RequestError, ValueError) as error:
            raise _no_answer(str(self._http.base_url), error) from error

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        """Set."""
        return self._send("PUT", path, json=dict(body))

    def delete(self, path: str) -> Json:
        """Remove."""
        return self._send("DELETE", path)

    def events(self, path: str) -> Iterator[Json]:
        """Listen to server-sent events, each with JSON for its data, until the API ends them."""
        told: list[str] = []
        try:
            with self._http.stream("GET", f"/v1{path}", timeout=EVENTS_TIMEOUT) as answer:
                if answer.is_error:
                    answer.read()
                    raise _error(answer, _body(answer) or {})
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        told.append(line.removeprefix("data:").strip())
                    elif not line and told:
                        yield json.loads("\n".join(told))
                        told.clear()
        except (httpx.RequestError, ValueError) as error:
            raise _no_answer(str(self._http.base_url), error) from error

    def pages(self, path: str, cursor: str, **params: object) -> Iterator[Json]:
        """Read a list to its end; `cursor` names the field the next page starts after."""
        after: object = None
        while True:
            page = self.get(path, after=after, **params)
            yield from page["data"]
            if not page.get("has_more") or not page["data"]:
                return
            after = page["data"][-1][cursor]

    def upload(self, form: Json, file: Path) -> None:
        """Send a file to the bucket with a presigned form."""
        with file.open("rb") as body:
            answer = self._exchange(self._bucket, "POST", form["url"], data=form["fields"], files={"file": body})
        if answer.is_error:
            raise EnvironmentFault(
                f"The bucket refused {file.name} (HTTP {answer.status_code}).", hint="Apply again; the form may be old."
            )

    def download(self, url: str) -> bytes:
        """Fetch a file from the bucket."""
        answer = self._exchange(self._bucket, "GET", url)
        if answer.is_error:
            raise EnvironmentFault(f"The bucket answered {answer.status_code}.", hint="Pull again.")
        return answer.content

    def _send(self, method: str, path: str, **content: Any) -> Json:  # noqa: ANN401 - httpx's arguments
        answer = self._exchange(self._http, method, f"/v1{path}", **content)
        body = _body(answer)
        if answer.is_error:
            raise _error(answer, body or {})
        if body is None:
            _refuse_other_server(self.url)
        return body

    def _exchange(self, http: httpx.Client, method: str, url: str, **content: Any) -> httpx.Response:  # noqa: ANN401
        try:
            return http.request(method, url, **content)
        except httpx.RequestError as error:
            raise _no_answer(str(http.base_url) if http is self._http else "The bucket", error) from error


def _no_answer(who: str, error: Exception) -> EnvironmentFault:
    if isinstance(error, httpx.UnsupportedProtocol):
        return EnvironmentFault(f"{who} is no address of http or https.", hint="Correct CALLSHEET_API_URL.")
    return EnvironmentFault(
        f"{who} does not answer: {type(error).__name__}.",
        hint="Is the stack running? `callsheet doctor` tells, `callsheet up` starts it.",
    )


def require_whole(content: bytes, sha256: str, what: str) -> bytes:
    """Return what was downloaded; raises `EnvironmentFault` where something else has arrived."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EnvironmentFault(f"{what} did not arrive whole.", hint="Try again.")
    return content


def segment(name: str) -> str:
    """Return a name as one step of a path, whatever it holds."""
    return quote(name, safe="")


def _http(url: str, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    try:
        return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, trust_env=False)
    except httpx.InvalidURL as error:
        raise EnvironmentFault(
            f"{url!r} is not the URL of an API: {error}.", hint="Correct CALLSHEET_API_URL."
        ) from None
    except UnicodeEncodeError:
        raise EnvironmentFault("The API key holds characters no key has.", hint="Correct CALLSHEET_API_KEY.") from None


def _body(answer: httpx.Response) -> Json | None:
    """Return the JSON object of an answer, or None where it holds none."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _refuse_other_server(url: str) -> NoReturn:
    raise EnvironmentFault(
        f"What answers at {url} is not Callsheet's API.", hint="Correct CALLSHEET_API_URL; `callsheet doctor` looks."
    )


def _error(answer: httpx.Response, body: Json) -> CallsheetError:
    told = body.get("error")
    if not isinstance(told, dict):
        return EnvironmentFault(f"The API answered {answer.status_code}.", hint="See the API's log in .callsheet/logs.")
    facts = dict(told)
    kind = _kinds(CallsheetError).get(facts.pop("code", ""), CallsheetError)
    return kind(facts.pop("message", ""), hint=facts.pop("hint", ""), **facts)


def _kinds(base: type[CallsheetError]) -> dict[str, type[CallsheetError]]:
    kinds = {base.code: base}
    for kind in base.__subclasses__():
        kinds |= _kinds(kind)
    return kinds
