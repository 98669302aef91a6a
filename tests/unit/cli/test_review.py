"""What the quality gate has found, as the commands show it."""

from typing import Any

import pytest

from pipeline.cli import outcome, render, review
from pipeline.cli.client import Client
from pipeline.errors import ExitCode
from tests.unit.cli.test_render import line as line_made
from tests.unit.cli.test_render import plan, shown, status

Json = dict[str, Any]


def line(number: int, **change: Any) -> Json:
    told = {"line": f"gate_{number}", "position": number, "character": "MARA", "number": 2, "tries": 3}
    return {**told, "why": "It is [clipped].", "sequel": "tried", "checks": [], **change}


def heard(**change: int) -> Json:
    return {"on": True, "due": 0, "good": 0, "bad": 0, "unchecked": 0, **change}


class Api(Client):
    """Answers with two pages."""

    def __init__(self) -> None:
        self.asked: list[Json] = []

    def get(self, path: str, **params: object) -> Json:
        assert path == "/productions/game/review"
        self.asked.append(params)
        first = params.get("after") is None
        rows = [line(1)] if first else [line(2)]
        return {"data": rows, "has_more": first, "unchecked": {"no aligner": 4} if first else {}}


def test_every_line_in_review_is_listed_with_the_reason_and_what_to_do() -> None:
    found = review.load(Api(), "game")
    text = shown(review.view(found, "game"))
    assert [row["line"] for row in found["data"]] == ["gate_1", "gate_2"]
    assert "It is [clipped]." in text
    assert "as many as allowed" in text
    assert "callsheet approve game gate_1 gate_2" in text
    assert "4 lines: no aligner" in text


def test_where_no_line_is_in_review_the_list_says_so_and_still_tells_what_was_not_checked() -> None:
    text = shown(review.view({"data": [], "unchecked": {"no aligner": 4}}, "game"))
    assert "No line is in review." in text
    assert "no aligner" in text


def test_a_run_tells_what_was_heard_and_which_lines_wait_for_a_person() -> None:
    waiting = {"count": 7, "lines": [f"gate_{number}" for number in range(1, 8)]}
    told = "\n".join(review.run_facts(status(heard=heard(good=5, bad=2, due=3), in_review=waiting)))
    assert "heard  5 good, 2 bad, 3 to hear" in told
    assert "gate_5 and 2 more" in told
    assert "callsheet takes game --review" in told


def again(number: int, speaks: int, **change: Any) -> Json:
    told = {"line": "gate_1", "number": number, "asked": "retake", "why": "It is [clipped]."}
    return {**told, "speaks": speaks, **change}


def test_bad_retakes_are_named_with_the_reason_and_the_take_that_speaks_and_are_a_part_of_what_was_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    takes = [again(2, 1), again(3, 3), again(2, 1, line="gate_2", asked="fresh")]
    ended = status(state="done", unclear_attempts=0, heard=heard(bad=3), bad_again={"count": 9, "takes": takes})
    told = "\n".join(review.run_facts(ended))
    assert "gate_1 take 2: It is \\[clipped]. Take 1 speaks the line." in told
    assert "gate_1 take 3: It is \\[clipped]. It speaks the line." in told
    assert "and 4 more" in told
    assert outcome.report(ended) is ExitCode.PARTIAL
    assert "callsheet takes game gate_1 --fetch FOLDER" in capsys.readouterr().err
    fresh_alone = ended | {"bad_again": {"count": 1, "takes": takes[2:]}}
    assert outcome.report(fresh_alone) is ExitCode.OK


def test_a_run_that_nobody_listens_to_says_nothing_of_it() -> None:
    assert list(review.run_facts(status(heard=heard(on=False)))) == []


def test_a_plan_of_lines_in_review_that_makes_none_of_them_says_what_would() -> None:
    left = {"count": 7, "lines": [f"gate_{number}" for number in range(1, 8)], "locked": 2}
    told = shown(render.plan_view(plan(production="game", left_in_review=left), every_line=False))
    assert "gate_5 and 2 more: bad by what was heard" in told
    assert "`callsheet retake game --review` makes others" in told
    assert "`--fresh --only state:review`" in told
    assert "2 lines are locked: `callsheet unlock` comes first." in told


def test_a_plan_of_locked_lines_in_review_names_the_lock_alone() -> None:
    left = {"count": 1, "lines": ["gate_1"], "locked": 1}
    told = "\n".join(review.left_by_plan(plan(production="game", left_in_review=left)))
    assert "1 line is locked" in told
    assert "retake" not in told


def test_where_nothing_selected_is_in_review_a_plan_says_so_unless_it_makes_something() -> None:
    left = {"count": 0, "lines": [], "locked": 0}
    nothing = "None of the lines that you have selected is in review."
    assert nothing in "".join(review.left_by_plan(plan(left_in_review=left)))
    assert list(review.left_by_plan(plan(lines=[line_made()], left_in_review=left))) == []
    assert list(review.left_by_plan(plan(left_in_review=None))) == []


@pytest.mark.parametrize(("retakes", "says"), [(None, ""), (0, ""), (1, "once more"), (2, "up to 2 times more")])
def test_a_plan_says_what_may_be_spent_beyond_its_price(retakes: int | None, says: str) -> None:
    told = review.beyond_plan({"retakes": retakes})
    assert says in told
    assert bool(says) == bool(told)
