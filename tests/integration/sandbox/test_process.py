"""The program as it is run: its command line, the vendor's curl commands, load, and death."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.sandbox import ROOT, RunningSandbox, SandboxDied, running_sandbox

LINE = {"model": "minimax-speech-turbo", "input": "Welcome.", "voice_id": "English_Archivist"}
CLONE_COMMAND = """curl -X POST $HOST/v1/audio/voice-clone -H "Authorization: Bearer $KEY" \
-F file=@reference.mp3 -F name="brand-narrator" """
SPEECH_COMMAND = """curl -X POST $HOST/v1/audio/speech -H "Authorization: Bearer $KEY" \
-H "Content-Type: application/json" \
-d '{"model":"minimax-speech-hd","input":"Welcome to the show.","voice_id":"'$VOICE'"}' --output intro.mp3"""
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def speak(sandbox: RunningSandbox, user: str = "ann", **change: Any) -> httpx.Response:
    return httpx.post(f"{sandbox.base_url}/v1/audio/speech", json=LINE | change, headers=sandbox.auth(user), timeout=60)


def clone(sandbox: RunningSandbox, reference: bytes, **headers: str) -> httpx.Response:
    files = {"file": ("reference.mp3", reference, "audio/mpeg")}
    url = f"{sandbox.base_url}/v1/audio/voice-clone"
    return httpx.post(url, files=files, headers=sandbox.auth("ann") | headers, timeout=60)


def shell(command: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@needs_curl
def test_the_vendors_two_commands_work_unchanged_but_for_the_host(
    sandbox: RunningSandbox, reference: bytes, tmp_path: Path
) -> None:
    (tmp_path / "reference.mp3").write_bytes(reference)
    ann = {"HOST": sandbox.base_url, "KEY": sandbox.keys["ann"]}
    body = httpx.Response(200, text=shell(CLONE_COMMAND, tmp_path, **ann)).json()
    assert body["name"] == "brand-narrator"
    assert body["cost_usd"] == 2.10
    shell(SPEECH_COMMAND, tmp_path, **ann, VOICE=body["voice_id"])
    assert (tmp_path / "intro.mp3").read_bytes()[:3] == b"ID3"
    assert [row["amount"] for row in sandbox.ledger()["charges"]] == [2_100_000, 20 * 140]


@needs_curl
def test_the_same_command_with_another_users_key_is_refused(
    sandbox: RunningSandbox, reference: bytes, tmp_path: Path
) -> None:
    voice = clone(sandbox, reference).json()["voice_id"]
    command = SPEECH_COMMAND + " --write-out '%{http_code}'"
    written = shell(command, tmp_path, HOST=sandbox.base_url, KEY=sandbox.keys["bob"], VOICE=voice)
    assert written == "403"
    assert '"code":"voice_not_owned"' in (tmp_path / "intro.mp3").read_text()


def test_sixty_four_calls_at_once_are_served_side_by_side_and_charged_exactly(tmp_path: Path) -> None:
    calls, latency_ms = 192, 300
    with running_sandbox(tmp_path, keys={"k": "ann:lab:100"}, latency_ms=latency_ms) as sandbox:
        with httpx.Client(base_url=sandbox.base_url, headers=sandbox.auth("ann"), timeout=60) as http:

            def one(number: int) -> tuple[int, str]:
                line = LINE | {"input": f"Line {number:03d}", "response_format": "pcm_16000"}
                answer = http.post("/v1/audio/speech", json=line)
                return answer.status_code, answer.headers["x-kyma-cost-usd"]

            with ThreadPoolExecutor(64) as pool:
                answers = list(pool.map(one, range(calls)))
        ledger = sandbox.ledger()
    assert answers == [(200, "0.000672")] * calls
    assert [row["amount"] for row in ledger["charges"]] == [672] * calls
    assert ledger["accounts"][0]["balance"] == 100_000_000 - 672 * calls
    balances = [row["balance_after"] for row in ledger["charges"]]
    assert balances == sorted(balances, reverse=True)
    times = [row["at_ms"] for row in ledger["calls"]]
    assert times[63] - times[0] < latency_ms * 10, "the first 64 waited for each other"


def test_a_killed_sandbox_comes_back_with_everything_it_sold(tmp_path: Path, reference: bytes) -> None:
    with running_sandbox(tmp_path) as first:
        voice = clone(first, reference).json()["voice_id"]
        audio = speak(first, voice_id=voice).content
        first.advance(90_000)
        before = first.ledger()
        first.kill()
    with running_sandbox(tmp_path) as again:
        after = again.ledger()
        assert {name: after[name] for name in before} == before
        assert again.control("clock")["offset_seconds"] == 90_000
        assert speak(again, voice_id=voice).status_code == 200
        assert speak(again, "bob", voice_id=voice).status_code == 403
        heard = httpx.post(
            f"{again.base_url}/v1/audio/transcriptions",
            files={"file": ("a.mp3", audio, "audio/mpeg")},
            headers=again.auth("ann"),
            timeout=60,
        )
        assert heard.json()["text"] == "Welcome."


def test_a_charge_made_before_the_kill_is_in_the_ledger_though_nobody_was_told(
    tmp_path: Path, reference: bytes
) -> None:
    with running_sandbox(tmp_path) as first, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(clone, first, reference, **{"X-Sandbox-Fault": "hang_after_charge:60"})
        while not first.ledger()["charges"]:
            assert not waiting.done()
        first.kill()
        with pytest.raises(httpx.TransportError):
            waiting.result(timeout=30)
    with running_sandbox(tmp_path) as again:
        ledger = again.ledger()
    assert [row["amount"] for row in ledger["charges"]] == [2_100_000]
    assert [row["request_id"] for row in ledger["voices"]] == [ledger["calls"][0]["request_id"]]
    assert [(row["status"], row["delivery"]) for row in ledger["calls"]] == [(200, "pending")]


def test_keys_stay_out_of_the_process_list(sandbox: RunningSandbox) -> None:
    command = Path(f"/proc/{sandbox.process.pid}/cmdline")
    if not command.exists():
        pytest.skip("no /proc here")
    assert sandbox.keys["ann"] not in command.read_text()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CALLSHEET_SANDBOX_KEYS"}
    command = [sys.executable, "-m", "pipeline.sandbox", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_taken_port_is_said_plainly(sandbox: RunningSandbox, tmp_path: Path) -> None:
    port = sandbox.base_url.rpartition(":")[2]
    ended = run("--db", str(tmp_path / "x.db"), "--key", "k=ann", "--port", port, "--engine", "tone")
    assert ended.returncode == 7
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "no API key"),
        (("--key", "sekret"), "KEY=USER"),
        (("--key", "sekret=ann:9"), "unknown tier"),
        (("--key", "k=ann", "--engine", "choir"), "invalid choice"),
        (("--key", "k=ann", "--latency-ms", "-1"), "negative"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_made(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    db = tmp_path / "x.db"
    ended = run("--db", str(db), *arguments)
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert not db.exists()


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SandboxDied, match="unknown tier"), running_sandbox(tmp_path, keys={"k": "ann:9"}):
        pytest.fail("it started")
