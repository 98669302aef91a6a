"""Flower shows every task by name and id to who has the password, and changes nothing."""

from typing import Any

import httpx
import pytest

from tests.support.stack import CAST, RunningStack

TEXT = "public announcement"


@pytest.fixture(scope="module")
def tasks(stack: RunningStack) -> Any:
    ended = stack.run("apply", CAST, "--yes")
    assert ended.code == 0, ended.err
    facts = stack.facts()
    answer = httpx.get(f"{facts['flower_url']}/api/tasks", auth=("callsheet", facts["flower_password"]), timeout=30)
    answer.raise_for_status()
    return answer.json()


def test_each_take_is_a_task_of_its_own_with_a_name_and_one_id(tasks: Any) -> None:
    spoken = [task for task in tasks.values() if task["name"] == "speech.speak"]
    assert len(spoken) >= 60
    assert all("take_" in task["args"] for task in spoken)
    names = {task["name"] for task in tasks.values()}
    assert {"references.prepare", "voices.reserve_cloned", "voices.make", "speech.open_voice"} <= names


def test_tasks_show_no_text_and_no_secret(stack: RunningStack, tasks: Any) -> None:
    shown = str(tasks)
    facts = stack.facts()
    for hidden in (facts["api_key"], facts["sandbox_api_key"], facts["s3_secret_key"], "marsh road", TEXT):
        assert hidden not in shown


def test_without_the_password_nothing_is_shown_and_with_it_nothing_can_be_started(stack: RunningStack) -> None:
    facts = stack.facts()
    assert httpx.get(f"{facts['flower_url']}/tasks", timeout=30).status_code == 401
    start = f"{facts['flower_url']}/api/task/async-apply/speech.speak"
    mine = ("callsheet", facts["flower_password"])
    assert httpx.post(start, json={"args": ["take_x"]}, auth=mine, timeout=30).status_code == 403
