"""The sandbox in this process, without sockets and with an engine that hums."""

import asyncio
import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from pipeline.sandbox.box import Sandbox
from pipeline.sandbox.voice import Profile, SystemVoice
from pipeline.sandbox.voice.profile import EMBEDDING_SIZE, ENVELOPE_BANDS, Measurements

SYSTEM = "English_Humming"
ANN, BOB = "key-ann", "key-bob"


def _profile(f0_hz: float) -> Profile:
    measured = Measurements(f0_hz, 2.0, 0.6, 7000.0, (0.0,) * ENVELOPE_BANDS)
    return Profile(measured, (0.0,) * EMBEDDING_SIZE)


class HummingEngine:
    """Hums for a tenth of a second a character: what the server does with an engine, without one."""

    name = "hum"
    version = "1"
    speaks = True

    def clone(self, pcm: NDArray[np.float32], rate: int) -> Profile:
        assert len(pcm) / rate >= 10
        return _profile(110.0)

    def design(self, description: str, gender: str | None, age_group: str | None) -> Profile:
        return _profile(100.0 + len(description) + len(gender or "") + len(age_group or ""))

    def speak(self, text: str, profile: Profile, speed: float = 1.0) -> NDArray[np.float32]:
        letters = sum(map(str.isalnum, text))
        time = np.arange(int(letters * 2400 / speed)) / 24_000
        return np.sin(2 * np.pi * profile.measured.f0_hz * time).astype(np.float32)

    def system_voices(self) -> Sequence[SystemVoice]:
        return [SystemVoice(SYSTEM, "Hum", "female", "american", "Hums.")]

    def system_profile(self, voice_id: str) -> Profile | None:
        return _profile(200.0) if voice_id == SYSTEM else None

    def alike(self, one: Profile, other: Profile) -> bool:
        return one == other


@dataclass
class Client:
    """Calls the application in this process, one request after the other."""

    box: Sandbox
    _http: httpx.AsyncClient
    _runner: asyncio.Runner

    def __call__(self, method: str, path: str, key: str | None = ANN, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self._runner.run(self._http.request(method, path, headers=headers, **options))

    def at_once(self, *requests: tuple[str, str, dict[str, Any]], key: str = ANN) -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {key}"}

        async def all_of_them() -> list[httpx.Response]:
            sent = (self._http.request(method, path, headers=headers, **options) for method, path, options in requests)
            return await asyncio.gather(*sent)

        return self._runner.run(all_of_them())

    def clone(self, recording: bytes, key: str | None = ANN, **fields: str) -> httpx.Response:
        files = {"file": ("reference.wav", recording, "audio/wav")}
        return self("POST", "/v1/audio/voice-clone", key, files=files, data=fields)

    def speak(
        self, voice_id: str, text: str = "Welcome to the show.", key: str | None = ANN, **more: Any
    ) -> httpx.Response:
        body = {"model": "minimax-speech-hd", "input": text, "voice_id": voice_id} | more
        return self("POST", "/v1/audio/speech", key, json=body)

    def ledger(self) -> dict[str, Any]:
        ledger: dict[str, Any] = self("GET", "/__sandbox__/ledger").json()
        return ledger

    def balance(self, user: str = "ann") -> int:
        return next(row["balance"] for row in self.ledger()["accounts"] if row["user"] == user)


Sandboxes = Callable[..., Client]


def hum(seconds: float, rate: int = 8000) -> bytes:
    """Return a WAV file of so many seconds."""
    samples = (8000 * np.sin(2 * np.pi * 110 * np.arange(int(seconds * rate)) / rate)).astype("<i2")
    sink = io.BytesIO()
    with wave.open(sink, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(samples.tobytes())
    return sink.getvalue()


def upload(data: bytes, name: str = "reference.wav", declared: str = "audio/wav") -> dict[str, Any]:
    """Return the options of a request that carries a file."""
    return {"files": {"file": (name, data, declared)}}


def code_of(answer: httpx.Response) -> str:
    """Return the code of an error, having checked its envelope."""
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    code: str = error.get("code", "")
    return code


@dataclass
class MiniMaxClient:
    """Calls the sandbox as MiniMax is called; each answer is HTTP 200 and its number is in `base_resp`."""

    client: Client
    key: str = ANN

    def __call__(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return numbered(self.client("POST", f"/v1/{path}", self.key, json=body))

    def upload(self, recording: bytes, purpose: str = "voice_clone") -> int:
        files = {"file": ("reference.wav", recording, "audio/wav")}
        answer = numbered(self.client("POST", "/v1/files/upload", self.key, files=files, data={"purpose": purpose}))
        file_id: int = answer["file"]["file_id"]
        return file_id

    def clone(self, recording: bytes, voice_id: str, **more: Any) -> dict[str, Any]:
        return self("voice_clone", {"file_id": self.upload(recording), "voice_id": voice_id} | more)

    def speak(self, voice_id: str, text: str = "Welcome to the show.", **more: Any) -> dict[str, Any]:
        body = {"model": "speech-2.8-hd", "text": text, "voice_setting": {"voice_id": voice_id}} | more
        return self("t2a_v2", body)


def numbered(answer: httpx.Response) -> dict[str, Any]:
    """Return the answer's body, having checked its envelope."""
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["trace-id"].startswith("req_")
    said: dict[str, Any] = answer.json()
    assert isinstance(said["base_resp"]["status_msg"], str)
    return said


def number(said: dict[str, Any]) -> int:
    """Return the number that says what came of a call; 0 is success."""
    code: int = said["base_resp"]["status_code"]
    return code
