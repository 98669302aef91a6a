"""A provider's endpoints as HTTP sees them: who asks, how, and what an answer that is no use means."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import httpx
from pydantic import SecretStr

from pipeline import crash
from pipeline.errors import EnvironmentFault
from pipeline.provider.answers import clock_ms, document, retry_after
from pipeline.provider.calls import ADVICE, MAKING, Call, Rule, classify
from pipeline.provider.errors import Ambiguous, ProviderError, ProviderFailed, Refused
from pipeline.provider.exchange import Answer, Timeouts, exchange, open_transport

LONGEST_AUDIO_BYTES = 128 << 20
LONGEST_JSON_BYTES = 16 << 20
RAW_LIMIT = 16_384
"""Characters of an answer kept as evidence."""
PAID = MAKING | {Call.SPEECH}
SENT = "http11.send_request_body.complete"
"""The transport's own name for the moment after the last byte of a request has left."""


KEY_HINTS = {
    "kyma": "Set KYMA_API_KEY to the key exactly as Kyma shows it.",
    "minimax": "Set MINIMAX_API_KEY to the key exactly as MiniMax shows it.",
}
SANDBOX_KEY_HINT = "Set CALLSHEET_SANDBOX_API_KEY, or start the sandbox with `callsheet up`."


@dataclass(frozen=True)
class Dialect:
    """How one provider says what came of a call.

    `refusal` returns code and message of an answer that says it was not done, None where it says it was or says
    nothing; `charged` what any answer says it cost, in micro-dollars.
    """

    rules: Sequence[Rule]
    refusal: Callable[[Answer], tuple[str | None, str] | None]
    charged: Callable[[Answer], int | None]
    request_id_headers: Sequence[str]
    statuses: Mapping[str, int] = field(default_factory=dict)
    """HTTP's own number for what a code says in the body of an answer that is a 200."""


class ProviderClient:
    """Sends each request once and translates what comes back. Safe to share between threads.

    Raises:
        EnvironmentFault: the base URL or the key cannot be used.
    """

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        *,
        base_url: str,
        api_key: SecretStr | str,
        timeouts: Timeouts,
        proxy: str | None,
    ) -> None:
        self.name = name
        self._dialect = dialect
        self._base_url = _checked_url(name, base_url)
        self._key = _checked_key(name, api_key)
        self._timeouts = timeouts
        self._proxy = proxy
        self._lock = Lock()
        self._pooled: httpx.HTTPTransport | None = None

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            transport, self._pooled = self._pooled, None
        if transport is not None:
            transport.close()

    def make(self, call: Call, path: str, **content: Any) -> Answer:  # noqa: ANN401 - httpx's own
        """POST what makes a voice, or leads to one, on a connection nothing else has used or will use."""
        request = self._request(call, "POST", path, self._timeouts.voice, **content)
        request.headers["Connection"] = "close"
        with open_transport(proxy=self._proxy, keep_alive=False) as transport:
            return self._exchange(transport, call, request)

    def speak(self, path: str, said: Mapping[str, object]) -> Answer:
        """POST a line to be spoken, on a pooled connection."""
        return self._reuse(Call.SPEECH, "POST", path, self._timeouts.speech, **self.json(Call.SPEECH, said))

    def read(self, path: str) -> dict[str, Any]:
        """GET a JSON object."""
        return self.read_dated(path)[0]

    def read_dated(self, path: str) -> tuple[dict[str, Any], int | None]:
        """GET a JSON object, and the server's clock in milliseconds where it tells the time."""
        return self._document(path, self._reuse(Call.READ, "GET", path, self._timeouts.read))

    def ask(self, path: str, said: Mapping[str, object]) -> tuple[dict[str, Any], int | None]:
        """POST a question that is free and changes no voice; the answer as `read_dated` gives it."""
        body = self.json(Call.READ, said)
        return self._document(path, self._reuse(Call.READ, "POST", path, self._timeouts.read, **body))

    def json(self, call: Call, said: Mapping[str, object]) -> dict[str, Any]:
        """Return a JSON body as httpx takes it."""
        try:
            content = json.dumps(said, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            raise Refused(f"The {call} cannot be written as JSON: {error}. Nothing was sent.") from error
        return {"content": content, "headers": {**self._headers, "Content-Type": "application/json"}}

    def public(self, text: str) -> str:
        """Return `text` as it may be kept: without the key, which servers echo, and without what no database takes."""
        storable = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        return storable.replace(self._key, "[key]")

    def evidence(self, answer: Answer) -> str:
        """Return the answer's body as it may be kept."""
        return self.public(answer.text)[:RAW_LIMIT]

    def raise_unless_done(self, call: Call, answer: Answer) -> None:
        """Raise what the answer's status or code means, or that the answer broke off."""
        if answer.is_success and answer.failure is not None:
            broken = f"with HTTP {answer.status} and broke off ({_named(answer.failure)})"
            raise self._error(call, answer, broken, None)
        refused = self._dialect.refusal(answer)
        if refused is not None:
            code, said = refused
            how = f"with HTTP {answer.status}{f' {code}' if code else ''}{f': {said}' if said else ''}"
            raise self._error(call, answer, how, code)

    def unusable(self, call: Call, answer: Answer, how: str) -> ProviderError:
        """Return what it means that an answer said "done" and cannot be used."""
        return self._error(call, answer, f"with HTTP {answer.status} {how}", None)

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._key}",
            # A compressed answer that breaks off cannot be read as far as it came.
            "Accept-Encoding": "identity",
            "Accept": "*/*",
            "User-Agent": "callsheet",
        }

    def _document(self, path: str, answer: Answer) -> tuple[dict[str, Any], int | None]:
        self.raise_unless_done(Call.READ, answer)
        said = document(answer.body)
        if said is None:
            raise self.unusable(Call.READ, answer, f"to {path} with something that is not a JSON object")
        return said, clock_ms(answer.headers)

    def _reuse(self, call: Call, method: str, path: str, silence: float, **content: Any) -> Answer:  # noqa: ANN401 - httpx's own
        return self._exchange(self._shared_transport(), call, self._request(call, method, path, silence, **content))

    def _request(self, call: Call, method: str, path: str, silence: float, **content: Any) -> httpx.Request:  # noqa: ANN401 - httpx's own
        content.setdefault("headers", self._headers)
        extensions = {"timeout": self._timeouts.waiting(silence), **({"trace": _trace} if call in PAID else {})}
        try:
            return httpx.Request(method, self._base_url + path, extensions=extensions, **content)
        except ValueError as error:
            raise Refused(f"The {call} cannot be written as a form: {error}. Nothing was sent.") from error

    def _shared_transport(self) -> httpx.HTTPTransport:
        with self._lock:
            if self._pooled is None:
                self._pooled = open_transport(proxy=self._proxy, keep_alive=True)
            return self._pooled

    def _exchange(self, transport: httpx.HTTPTransport, call: Call, request: httpx.Request) -> Answer:
        max_bytes = LONGEST_AUDIO_BYTES if call is Call.SPEECH else LONGEST_JSON_BYTES
        silence = request.extensions["timeout"]["read"]
        try:
            return exchange(transport, request, max_bytes=max_bytes, body_seconds=silence)
        except httpx.RequestError as failure:
            meaning = classify(self._dialect.rules, call, failure=type(failure))
            how = f"gave no answer to the {call} ({_named(failure)})"
            message = f"{self.name} at {self._base_url} {how}. {ADVICE[meaning]}"
            raise meaning(self.public(message)) from failure

    def _error(self, call: Call, answer: Answer, how: str, code: str | None) -> ProviderError:
        failure = type(answer.failure) if answer.failure else None
        meaning = classify(self._dialect.rules, call, status=answer.status, code=code, failure=failure)
        return meaning(
            self.public(f"{self.name} answered the {call} {how}. {ADVICE[meaning]}"),
            http_status=self._dialect.statuses.get(code or "", answer.status),
            provider_code=self.public(code) if code else None,
            retry_after=retry_after(answer.headers),
            request_id=next(filter(None, map(answer.headers.get, self._dialect.request_id_headers)), None),
            # The amount a refusal names is what the call would have cost.
            charged_micros=self._dialect.charged(answer) if meaning in (Ambiguous, ProviderFailed) else None,
            raw=self.evidence(answer),
        )


def _trace(event: str, _facts: Mapping[str, object]) -> None:
    if event == SENT:
        crash.here("bytes_sent")


def _named(failure: httpx.RequestError | None) -> str:
    return f"{type(failure).__name__}: {failure}"


def _checked_url(name: str, base_url: str) -> str:
    hint = "Set it to something like https://kymaapi.com/v1, without user, query or fragment."
    try:
        url = httpx.URL(base_url)
        # What the resolver does with a host; it fails with something other than a network error.
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise EnvironmentFault(f"The base URL of {name} is not a URL: {error}.", hint=hint) from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise EnvironmentFault(f"The base URL of {name} cannot be used.", hint=hint)
    return base_url.rstrip("/")


def _checked_key(name: str, api_key: SecretStr | str) -> str:
    key = (api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key).strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise EnvironmentFault(
            f"The API key of {name} is {'missing' if not key else 'not one line of plain characters'}.",
            hint=KEY_HINTS.get(name, SANDBOX_KEY_HINT),
        )
    return key
