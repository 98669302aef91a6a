"""A provider that does what the test says, call by call. Used only where a real part cannot fail in the way needed."""

import io
import threading
import wave
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pipeline.delivery import Controls
from pipeline.provider.errors import ProviderError
from pipeline.provider.port import (
    AccountState,
    Capabilities,
    ChargeMoment,
    CloneRequest,
    Cost,
    DesignRequest,
    Doubt,
    Finding,
    Limits,
    Prices,
    SpeechRequest,
    SpeechResult,
    SystemVoice,
    Truth,
    VoiceResult,
)

PROVIDER = "stage"
MODEL = "stage-hd"
CAPABILITIES = Capabilities(
    clone_model="stage-clone",
    design_model="stage-design",
    speech_models=(MODEL, "stage-fast"),
    reference_formats=("mp3", "wav", "m4a"),
    reference_min_seconds=10.0,
    reference_max_seconds=300.0,
    reference_max_bytes=10_000_000,
    max_chars=40,
    formats=("wav", "mp3"),
    label_max_chars=64,
    activation_deadline_seconds=7 * 24 * 3600,
    lists_own_voices=False,
    client_chosen_id=False,
    reports_balance=True,
    charge_moment=ChargeMoment.CREATE,
    one_at_a_time=True,
    controls=Controls(pitch=(-12, 12), volume=(0.1, 10.0), emotions=("calm", "angry")),
    lateness_seconds=0.0,
)
PRICES = Prices(
    clone_micros=2_100_000,
    design_micros=4_200_000,
    speech_micros_per_million_chars={MODEL: 100_000_000, "stage-fast": 60_000_000},
    source="table",
)
"""Speech costs 100 micro-dollars a character."""
BALANCE = 50_000_000
RATE = 8_000

Spent = int | None


def tone(seconds: float = 0.1) -> bytes:
    """Return a WAV file of that length: a square wave, so that it is sound to whoever listens."""
    samples = b"\x00\x10\x00\xf0" * round(seconds * RATE / 2)
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples)
    return target.getvalue()


def voice(voice_id: str = "stage_0001", *, charged: Spent = PRICES.clone_micros) -> VoiceResult:
    """Return the answer that a voice was made; `charged` in micro-dollars, None where the answer does not say."""
    return VoiceResult(voice_id, None, Cost(charged), raw=f'{{"voice_id": "{voice_id}"}}')


def speech(text: str, *, charged: Spent | str = "by character", audio: bytes | None = None) -> SpeechResult:
    """Return the answer with spoken audio."""
    cost = PRICES.speech(MODEL, len(text)) if isinstance(charged, str) else charged
    return SpeechResult(tone() if audio is None else audio, "audio/wav", Cost(cost, chars_billed=len(text)))


VoiceAnswer = VoiceResult | Exception | Callable[[CloneRequest | DesignRequest], VoiceResult]
SpeechAnswer = SpeechResult | Exception | Callable[[SpeechRequest], SpeechResult]
Evidence = Finding | Exception | Callable[[Doubt], Finding]
NO_EVIDENCE = Finding(Truth.UNKNOWN, "none", "Nothing is known.")


@dataclass
class ScriptedProvider:
    """Answers from its script; without one it makes every voice and speaks every text at the list price."""

    voices: deque[VoiceAnswer] = field(default_factory=deque)
    speeches: deque[SpeechAnswer] = field(default_factory=deque)
    voice_calls: list[CloneRequest | DesignRequest] = field(default_factory=list)
    speech_calls: list[SpeechRequest] = field(default_factory=list)
    findings: deque[Evidence] = field(default_factory=deque)
    doubts: list[Doubt] = field(default_factory=list)
    balance: int | ProviderError = BALANCE
    clock_ms: int | None = None
    abilities: Capabilities = CAPABILITIES
    name: str = PROVIDER
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def will_make(self, *answers: VoiceAnswer) -> None:
        """Put answers to the next voice calls on the script."""
        self.voices.extend(answers)

    def will_speak(self, *answers: SpeechAnswer) -> None:
        """Put answers to the next speech calls on the script."""
        self.speeches.extend(answers)

    def will_find(self, *findings: Evidence) -> None:
        """Put answers to the next questions about an unclear call on the script; without one nothing is known."""
        self.findings.extend(findings)

    @property
    def spoken(self) -> Iterable[str]:
        """The texts that were asked for, in order."""
        return [call.text for call in self.speech_calls]

    def capabilities(self) -> Capabilities:
        return self.abilities

    def prices(self) -> Prices:
        return PRICES

    def limits(self) -> Limits:
        return Limits("stage", concurrent_calls=8, requests_per_minute=60_000, model_requests_per_minute=60_000)

    def account(self) -> AccountState:
        if isinstance(self.balance, ProviderError):
            raise self.balance
        return AccountState(self.balance, self.clock_ms)

    def create_voice(self, request: CloneRequest) -> VoiceResult:
        return self._make(request)

    def design_voice(self, request: DesignRequest) -> VoiceResult:
        charged = PRICES.design_micros
        return self._make(request, charged=charged)

    def reconcile_voice(self, doubt: Doubt) -> Finding:
        with self._lock:
            self.doubts.append(doubt)
            answer = self.findings.popleft() if self.findings else NO_EVIDENCE
        if isinstance(answer, Exception):
            raise answer
        return answer(doubt) if callable(answer) else answer

    def synthesize(self, request: SpeechRequest) -> SpeechResult:
        with self._lock:
            self.speech_calls.append(request)
            answer = self.speeches.popleft() if self.speeches else speech(request.text)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def system_voices(self) -> Sequence[SystemVoice]:
        return ()

    def _make(self, request: CloneRequest | DesignRequest, charged: Spent = PRICES.clone_micros) -> VoiceResult:
        with self._lock:
            self.voice_calls.append(request)
            number = len(self.voice_calls)
            answer = self.voices.popleft() if self.voices else voice(f"stage_{number:04}", charged=charged)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


@dataclass
class Messages:
    """A broker that keeps every hint until the test hands it on, or loses it."""

    waiting: deque[tuple[str, str]] = field(default_factory=deque)

    def publish(self, task: str, *row_ids: str) -> None:
        self.waiting.extend((task, row_id) for row_id in row_ids)

    def lose_all(self) -> None:
        """Forget what was sent, as a flushed broker does."""
        self.waiting.clear()

    def of(self, task: str) -> list[str]:
        """Return the rows that a task was hinted at, in order."""
        return [row_id for name, row_id in self.waiting if name == task]
