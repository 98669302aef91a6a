"""The flow is whole: each event has a task, each task a sender, and a message carries an id and nothing else."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline.flow import FLOW
from workers.app import QUEUES, app

SOURCE = Path(pipeline.__file__).parent
OWN = "workers.tasks."


@pytest.fixture(scope="module", autouse=True)
def _tasks_are_loaded() -> None:
    app.loader.import_default_modules()


def own_tasks() -> dict[str, object]:
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def emitted_names() -> Iterator[tuple[str, str]]:
    """Yield each event's name as it stands in the code, with the file that emits it."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _called(node) == "emit":
                for name in _strings(node.args[1]):
                    yield name, str(path.relative_to(SOURCE))


def test_every_event_leads_to_a_registered_task() -> None:
    assert set(FLOW.values()) <= set(own_tasks())


def test_every_registered_task_is_led_to_by_an_event() -> None:
    assert set(own_tasks()) == set(FLOW.values())


def test_task_names_are_stated_and_not_taken_from_modules() -> None:
    assert [name for name in own_tasks() if name.startswith(OWN)] == []
    assert {name.partition(".")[0] for name in own_tasks()} <= set(QUEUES)


def test_every_event_in_the_code_is_in_the_flow_and_every_one_in_the_flow_is_in_the_code() -> None:
    names = {name for name, _ in emitted_names()} | _passed_to_settle()
    assert names == set(FLOW)


@pytest.mark.parametrize("name", sorted(set(FLOW.values())))
def test_a_task_takes_one_id(name: str) -> None:
    app.loader.import_default_modules()
    parameters = inspect.signature(app.tasks[name].run).parameters.values()
    assert [(p.name, p.annotation) for p in parameters] == [("row_id", str)]


@pytest.mark.parametrize("name", sorted(set(FLOW.values())))
def test_no_task_changes_how_its_messages_are_acknowledged_or_repeated(name: str) -> None:
    task = app.tasks[name]
    assert not task.acks_late
    assert not task.reject_on_worker_lost
    assert task.ignore_result
    assert not getattr(task, "autoretry_for", ())


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _strings(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(name)):
            yield name
        case ast.IfExp(body=one, orelse=other):
            yield from _strings(one)
            yield from _strings(other)


def _passed_to_settle() -> set[str]:
    # One helper gets the event as an argument: references settle a row and tell what became of it.
    tree = ast.parse((SOURCE / "references" / "service" / "recordings.py").read_text())
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == "_settle")
    return {name for call in calls for name in _strings(call.args[2])}
