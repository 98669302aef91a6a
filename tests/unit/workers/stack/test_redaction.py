from types import SimpleNamespace

import pytest

from workers.stack.redaction import HIDDEN, format_task, redacted


@pytest.mark.parametrize(
    ("args", "shown"),
    [
        ("('take_01jd3v8q4kx0000000000000ab',)", "('take_01jd3v8q4kx0000000000000ab',)"),
        ("['voice_01jd', 7]", "['voice_01jd', 7]"),
        ("()", "()"),
        ("('Who goes there?',)", HIDDEN),
        ("('take_01jd', 'Bearer ky-1 2')", HIDDEN),
        ("('take_01jd', {'text': 'x'})", HIDDEN),
        ("('https://s3/x?X-Amz-Signature=1',)", HIDDEN),
        ("('cut in the middle...", HIDDEN),
        ("take", HIDDEN),
    ],
)
def test_arguments_are_shown_if_they_are_ids_alone(args: str, shown: str) -> None:
    assert redacted({"args": args})["args"] == shown


def test_names_ids_and_times_stay_and_the_rest_is_hidden() -> None:
    event = {
        "type": "task-failed",
        "uuid": "b1",
        "name": "speech.speak",
        "root_id": "b0",
        "timestamp": 1.5,
        "kwargs": "{'text': 'x'}",
        "result": "'audio'",
        "exception": "Refused('the text')",
        "traceback": "Traceback: the text",
    }
    assert redacted(event) == {
        "type": "task-failed",
        "uuid": "b1",
        "name": "speech.speak",
        "root_id": "b0",
        "timestamp": 1.5,
        "kwargs": HIDDEN,
        "result": HIDDEN,
        "exception": f"Refused{HIDDEN}",
        "traceback": HIDDEN,
    }


def test_what_is_empty_stays_empty_and_nothing_is_added() -> None:
    event = {"uuid": "b1", "kwargs": "{}", "result": None}
    assert redacted(event) == event


def test_stripping_twice_changes_nothing() -> None:
    once = redacted({"args": "('t_1',)", "kwargs": "{'a': 1}", "exception": "E('x')"})
    assert redacted(once) == once


def test_a_saved_task_is_stripped_before_it_is_shown() -> None:
    task = SimpleNamespace(
        uuid="b1", args="('Who goes there?',)", kwargs="{}", result="'x'", exception=None, traceback=None
    )
    shown = format_task(task)
    assert (shown.uuid, shown.args, shown.result, shown.exception) == ("b1", HIDDEN, HIDDEN, None)
