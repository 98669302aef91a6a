"""What the safety of paid calls asks of Celery is what the app has, and whoever changes it gets no worker."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from kombu.utils import functional

from pipeline.errors import EnvironmentFault, ExitCode
from pipeline.settings import Settings, load_settings
from workers.app import QUEUES, create_app
from workers.binding import BINDING, OTHER_BROKERS, binding, refuse_unsafe
from workers.messaging import RECONNECT_SECONDS

ROOT = Path(__file__).parents[2]
TRIES = 50
UNSAFE = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "task_retry_on_worker_lost": True,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "worker_disable_prefetch": False,
    "worker_prefetch_multiplier": 4,
    "worker_soft_shutdown_timeout": 0.0,
    "task_default_rate_limit": "10/m",
    "task_always_eager": True,
    "task_ignore_result": False,
    "task_store_errors_even_if_ignored": True,
    "result_backend": "redis://127.0.0.1/0",
    "task_publish_retry": True,
    "accept_content": ["json", "pickle"],
    "task_serializer": "pickle",
    "event_serializer": "pickle",
    "result_serializer": "pickle",
    "broker_transport_options": {"visibility_timeout": 5},
}
OWN_OPTIONS = {"acks_late": True, "reject_on_worker_lost": True, "rate_limit": "1/s", "ignore_result": False}
STATEFUL = {
    *("apply_async", "delay", "retry", "signature", "s", "si", "chord", "group", "chain"),
    *("countdown=", "eta=", "celery.chord", "celery.group", "celery.chain", "celery.signature"),
}
"""What would make a message more than a hint: it carries state, or waits in a worker's memory."""


@pytest.fixture
def settings() -> Settings:
    return load_settings(clone_timeout_seconds=200)


@pytest.fixture
def app(settings: Settings) -> Celery:
    return create_app(settings)


def test_the_app_has_every_binding_option(app: Celery, settings: Settings) -> None:
    assert {option: app.conf[option] for option in BINDING} == dict(BINDING)
    refuse_unsafe(app, settings)


def test_every_binding_option_is_tried_below(settings: Settings) -> None:
    assert set(UNSAFE) == set(binding(settings))


@pytest.mark.parametrize(("option", "value"), UNSAFE.items())
def test_a_changed_option_is_refused_by_name_with_what_would_be_safe(
    app: Celery, settings: Settings, option: str, value: object
) -> None:
    app.conf[option] = value
    with pytest.raises(EnvironmentFault, match=option) as refused:
        refuse_unsafe(app, settings)
    assert repr(value) in refused.value.message
    assert repr(binding(settings)[option]) in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(("option", "value"), OWN_OPTIONS.items())
def test_an_option_that_one_task_has_changed_for_itself_is_refused_too(
    app: Celery, settings: Settings, option: str, value: object
) -> None:
    def odd() -> None: ...

    app.task(name="speech.odd", shared=False, **{option: value})(odd)
    with pytest.raises(EnvironmentFault, match=f"{option} of the task speech.odd"):
        refuse_unsafe(app, settings)


@pytest.mark.parametrize("variable", OTHER_BROKERS)
def test_a_broker_that_celery_would_take_from_its_own_variables_is_refused_unsaid(
    app: Celery, settings: Settings, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "redis://:secret@127.0.0.1/0")
    with pytest.raises(EnvironmentFault, match=variable) as refused:
        refuse_unsafe(app, settings)
    assert "secret" not in refused.value.message + refused.value.hint


def started(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_worker_command_ends_with_the_reason_and_code_7() -> None:
    ended = started("-m", "workers.cli", "worker", CELERY_RESULT_BACKEND="redis://127.0.0.1/0")
    assert ended.returncode == ExitCode.ENVIRONMENT
    assert "CELERY_RESULT_BACKEND is set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_so_does_the_process_that_the_stack_runs() -> None:
    change = "from workers.app import app; app.conf.task_acks_late = True; "
    run = "import runpy; runpy.run_module('workers.serving.worker', run_name='__main__')"
    ended = started("-c", change + run)
    assert ended.returncode == ExitCode.ENVIRONMENT
    assert "task_acks_late is True; paid calls are safe only with False" in ended.stderr
    assert "Traceback" not in ended.stderr


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{name.name}" for name in names)


def called(tree: ast.AST) -> Iterator[str]:
    """Return the name of everything called, and of every keyword given."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), keywords=keywords):
                yield name
                yield from (f"{keyword.arg}=" for keyword in keywords)


def modules(package: str) -> dict[str, ast.AST]:
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in (ROOT / package).rglob("*.py")}


def speaks_celery(tree: ast.AST) -> bool:
    return any(name.startswith(("celery", "kombu", "workers.app")) for name in imports(tree))


def test_no_message_carries_state_or_waits_for_its_time() -> None:
    speaking = {name: tree for name, tree in modules("workers").items() if speaks_celery(tree)}
    assert {"workers/relay.py", "workers/tasks/speech.py"} <= speaking.keys()
    assert {
        name: found for name, tree in speaking.items() if (found := STATEFUL & {*called(tree), *imports(tree)})
    } == {}
    assert [name for name, tree in speaking.items() if "send_task" in called(tree)] == ["workers/relay.py"]


def test_the_pipeline_sends_no_message_of_its_own() -> None:
    assert [name for name, tree in modules("pipeline").items() if speaks_celery(tree)] == []


@pytest.mark.parametrize(
    "code",
    ["speak.apply_async(('t',), countdown=3)", "speak.delay('t')", "app.send_task('t', eta=when)", "chord(a, b)"],
)
def test_a_message_with_state_would_be_seen(code: str) -> None:
    assert STATEFUL & {*called(ast.parse(code))}


class Enough(Exception):
    """Ends what would go on for ever."""


def test_the_broker_is_tried_at_an_even_pace_and_without_end(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def failed(_error: Exception, pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == TRIES:
            raise Enough

    monkeypatch.setattr(functional, "sleep", lambda _seconds: None)
    # As a worker does it whose broker is gone; nobody listens there.
    with app.connection_for_read("redis://127.0.0.1:9/0") as connection, pytest.raises(Enough):
        connection.ensure_connection(failed, app.conf.broker_connection_max_retries)
    assert pauses == [RECONNECT_SECONDS] * TRIES


def test_every_queue_is_declared_and_none_is_made_by_a_misspelt_name(app: Celery) -> None:
    assert {queue.name for queue in app.conf.task_queues} == set(QUEUES)
    assert app.conf.task_create_missing_queues is False
    assert {route["queue"] for route in app.conf.task_routes.values()} == set(QUEUES)


@pytest.mark.parametrize("longest", ["clone_timeout_seconds", "speech_timeout_seconds"])
def test_a_stop_waits_longer_than_any_call_may_take(longest: str) -> None:
    assert create_app(load_settings(**{longest: 500.0})).conf.worker_soft_shutdown_timeout > 500


def test_sockets_to_the_broker_time_out() -> None:
    options = BINDING["broker_transport_options"]
    assert isinstance(options, dict)
    assert 0 < options["socket_connect_timeout"] <= 5
    assert 0 < options["socket_timeout"] <= 10
    assert options["socket_keepalive"]
