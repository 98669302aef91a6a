"""Either adapter with the sandbox behind it, and questions to the sandbox's own book."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pipeline.provider.exchange import Timeouts
from pipeline.provider.kyma import Kyma
from pipeline.provider.minimax import MiniMax
from pipeline.provider.port import Balances, CloneRequest, DesignRequest, Doubt, SpeechRequest, SpeechResult
from tests.support.sandbox import RunningSandbox

KEYS = {"key-ann": "ann:lab:1000", "key-bob": "bob:lab:50", "key-cid": "cid:lab:1"}
TIMEOUTS = Timeouts(connect=5, voice=20, speech=20, read=20)
Adapter = Kyma | MiniMax
APIS = {"kyma": Kyma, "minimax": MiniMax}


@dataclass(frozen=True)
class Routes:
    """Where an API takes its calls, as the fault rules name it."""

    clone: str
    design: str
    speech: str
    balance: str | None = None
    voices: str | None = None


ROUTES = {
    "kyma": Routes(
        "/audio/voice-clone", "/audio/voice-design", "/audio/speech", "/credits/balance", voices="/audio/voices"
    ),
    "minimax": Routes("/voice_clone", "/voice_design", "/t2a_v2"),
}


@dataclass
class Upstream:
    """An adapter, the sandbox behind it, and what its own book says."""

    api: str
    sandbox: RunningSandbox
    provider: Adapter
    recording: bytes
    routes: Routes
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def clone_request(self, recording: bytes | None = None, **said: Any) -> CloneRequest:
        """Ask for a voice nobody has asked for before."""
        name = f"mara-{next(self._numbers):08x}"
        fields: dict[str, Any] = {"label": name, "model": self.provider.capabilities().clone_model, "chosen_id": name}
        return CloneRequest(BytesIO(recording or self.recording), "mara.mp3", "audio/mpeg", **(fields | said))

    def design_request(self) -> DesignRequest:
        name = f"sailor-{next(self._numbers):08x}"
        model = self.provider.capabilities().design_model
        return DesignRequest(
            "An old sailor, hoarse", name, model, preview_text="This is how I sound.", gender="male", chosen_id=name
        )

    def speak(self, voice_id: str, text: str = "Welcome to the show.", form: str = "mp3") -> SpeechResult:
        return self.provider.synthesize(SpeechRequest("minimax-speech-hd", text, voice_id, form))

    def break_at(self, point: str, route: str, count: int | None = 1) -> None:
        self.sandbox.break_at({"point": point, "route": route} | ({"count": count} if count else {}))

    def balance(self) -> int:
        """Return what the sandbox's book says is left, asked past the adapter."""
        return next(row["balance"] for row in self.sandbox.ledger()["accounts"] if row["user"] == "ann")

    def doubt(self, request: CloneRequest | DesignRequest, before: int, others: int = 0) -> Doubt:
        """Return a call's doubt as the account shows it now."""
        prices = self.provider.prices()
        price = prices.design_micros if isinstance(request, DesignRequest) else prices.clone_micros
        if not self.provider.capabilities().reports_balance:
            return Doubt(request, price, None)
        now = self.provider.account().balance_micros
        assert now is not None
        return Doubt(request, price, Balances(before, now, others, others))

    def charges(self, *operations: str) -> list[int]:
        """Return what the book charged, for these operations or for all."""
        rows = self.sandbox.ledger()["charges"]
        return [row["amount"] for row in rows if not operations or row["operation"] in operations]

    def voices(self) -> list[str]:
        """Return the voices the book holds."""
        return [row["voice_id"] for row in self.sandbox.ledger()["voices"]]


def adapter(api: str, base_url: str, key: str = "key-ann", timeouts: Timeouts = TIMEOUTS) -> Adapter:
    """Return the adapter of an API against the sandbox at `base_url`."""
    return APIS[api](name=api, base_url=f"{base_url}/v1", api_key=key, timeouts=timeouts)
