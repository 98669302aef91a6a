"""Nothing that operators see, keep or pass on holds a word of a script or a secret."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from tests.support.stack import RunningStack, sheet, write_project

CANARY = "Seventeen purple herons waltz upon the lighthouse stair."
CHARACTER, VOICE = "HERALD", "English_Announcer"
CAST = (
    f"production: quiet\nlanguage: en\ncharacters:\n  {CHARACTER}: {{voice: {{system: {VOICE}}}}}\nlines: lines.csv\n"
)
"""No voice of its own: what others count at this stack stays as it is."""
SECRETS = ("api_key", "sandbox_api_key", "s3_secret_key", "flower_password")
LAST = "the-last-that-is-listened-to"


@dataclass(frozen=True)
class Heard:
    """What was to be seen where, after a line was spoken."""

    messages: str
    logs: str
    metrics: str


@pytest.fixture(scope="module")
def heard(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    folder, lines = tmp_path_factory.mktemp("quiet"), sheet(("quiet_1", CHARACTER, CANARY))
    project = write_project(folder, CAST, lines)
    broker = redis.Redis(unix_socket_path=urlsplit(stack.facts()["broker_url"]).path)
    with broker.monitor() as monitor, ThreadPoolExecutor(1) as threads:
        messages = threads.submit(lambda: "\n".join(until_last(monitor)))
        ended = stack.run("apply", project, "--yes")
        broker.echo(LAST)
        assert ended.code == 0, ended.err
        pages = [part["where"] for part in parts(stack)]
        return Heard(
            messages.result(timeout=30),
            "".join(path.read_text(errors="replace") for path in (stack.home / "logs").iterdir()),
            "".join(httpx.get(page, timeout=30).raise_for_status().text for page in pages),
        )


def until_last(monitor: redis.client.Monitor) -> Iterator[str]:
    """Return every command that the broker was sent; bodies are decoded."""
    for command in monitor.listen():
        said = str(command["command"])
        if LAST in said:
            return
        yield said
        yield from decoded(said)


def decoded(said: str) -> Iterator[str]:
    for word in said.replace("\\", "").split('"'):
        try:
            yield base64.b64decode(word, validate=True).decode()
        except ValueError:
            continue


def parts(stack: RunningStack) -> list[dict[str, str]]:
    up = stack.ask("up")
    pages = [{"where": part["url"]} for part in up["parts"] if str(part["url"]).endswith("/metrics")]
    assert len(pages) == 2
    return [*pages, {"where": f"{stack.facts()['api_url']}/metrics"}]


def test_what_is_looked_at_is_what_was_done(heard: Heard) -> None:
    assert "speech.speak" in heard.messages
    assert "take_" in heard.messages
    assert "task_done" in heard.logs
    assert 'callsheet_tasks_started_total{task="speech.speak"}' in heard.metrics
    assert 'callsheet_provider_call_seconds_count{call="speech",outcome="answered"}' in heard.metrics


@pytest.mark.parametrize("hidden", [CANARY, "purple herons", CHARACTER, "quiet_1", VOICE])
def test_no_word_of_the_production_is_in_logs_messages_or_metrics(heard: Heard, hidden: str) -> None:
    for place, text in vars(heard).items():
        assert hidden not in text, place


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_either(heard: Heard, stack: RunningStack, secret: str) -> None:
    for place, text in vars(heard).items():
        assert stack.facts()[secret] not in text, place


def test_metrics_name_no_row(heard: Heard) -> None:
    assert not [prefix for prefix in ("take_", "voice_", "acc_", "run_0", "wrk_") if f'"{prefix}' in heard.metrics]
