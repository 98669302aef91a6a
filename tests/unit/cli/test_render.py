import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console, RenderableType

from pipeline.cli import render
from pipeline.intake.models import RunState
from pipeline.planning.rules import Reason
from pipeline.voices.rules import VoiceState

Json = dict[str, Any]
MARKUP = "[red]Mara[/] [/b] [link=x] \\[x]\\"
"""A name that Rich would take for colours, or choke on."""


def shown(what: RenderableType, width: int = 400) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, force_terminal=False).print(what)
    return out.getvalue()


def line(reason: str = "new", **change: object) -> Json:
    facts = {"line_id": "a_1", "character": "MARA", "price": 0, "chars": 7, "shares_with": None}
    return {**facts, "reason": reason, **change}


def voice(reason: str = "new", **change: object) -> Json:
    return {"characters": ["MARA"], "kind": "cloned", "source": "mara.mp3", "reason": reason, "price": 0, **change}


def plan(
    *, voices: object = (), lines: Sequence[Json] = (), removed: int = 0, over_budget: object = None, **change: object
) -> Json:
    numbers = ("voices_to_make", "lines_shared", "lines_reused", "chars_to_speak")
    micros = {"total_micros": 2_100_700, "voices_micros": 2_100_000, "lines_micros": 700}
    made = sum(line["reason"] in render.MADE for line in lines)
    counts = {"lines": len(lines), "lines_to_speak": made, "lines_removed": removed, "lines_left_out": 0}
    totals = dict.fromkeys(numbers, 1) | micros | counts
    drawn = {"provider": "stage", "voices": voices, "lines": list(lines), "totals": totals}
    by_reason = Counter(line["reason"] for line in lines)
    beside: Json = {"by_character": [], "by_language": {}, "missing_languages": {}, "lapsing_voices": []}
    spent = {"before_micros": 0, "after_micros": 2_100_700}
    return drawn | {"over_budget": over_budget, "by_reason": by_reason, "spent": spent} | beside | change


def status(**change: object) -> Json:
    states = ("total", "open", "dispatched", "speaking", "done", "failed", "blocked")
    return {
        "id": "run_1",
        "production": "game",
        "state": "running",
        "reason": None,
        "takes": dict.fromkeys(states, 2),
        "voices": [],
        "failures": [],
        "estimate_micros": 2_100_000,
        "spent_micros": 1_260,
        "held_micros": 0,
        "cap_micros": None,
        "elapsed_seconds": 1.25,
        "takes_per_second": None,
        "eta_seconds": None,
        **change,
    }


@pytest.mark.parametrize("reason", Reason)
def test_a_plan_shows_every_reason(reason: Reason) -> None:
    text = shown(render.plan_view(plan(voices=[voice(reason)], lines=[line(reason)]), every_line=True))
    assert text.count(reason.value) >= 2


def test_a_plan_lists_the_work_and_counts_the_rest() -> None:
    lines = [line(line_id=f"new_{n}") for n in range(render.SHOWN_LINES + 3)] + [line("reused", line_id="old_1")]
    text = shown(render.plan_view(plan(lines=lines), every_line=False))
    assert "new_0" in text
    assert "and 3 more (callsheet plan --all lists them)" in text
    assert "old_1" not in text
    everything = shown(render.plan_view(plan(lines=lines), every_line=True))
    assert all(one["line_id"] in everything for one in lines)
    assert "more (" not in everything


def test_a_plan_of_more_lines_than_anybody_reads_says_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "MOST_LINES", 3)
    text = shown(render.plan_view(plan(lines=[line(line_id=f"new_{n}") for n in range(5)]), every_line=True))
    assert "new_2" in text
    assert "and 2 more (--json lists them)" in text


def test_a_plan_names_the_twin_of_a_shared_line_and_what_has_gone() -> None:
    shared = line("shared", shares_with="a_0")
    text = shown(render.plan_view(plan(lines=[shared], removed=2), every_line=True))
    assert "shared with a_0" in text
    assert "2 lines are no longer on the sheet" in text
    assert "Cost: $2.100700 (voices $2.10, lines $0.000700) at stage." in text


@pytest.mark.parametrize(("reason", "command"), render.LEFT_TO_PEOPLE.items())
def test_a_plan_names_the_lines_that_it_leaves_to_people(reason: str, command: str) -> None:
    lines = [line(reason, line_id=f"a_{n}") for n in range(render.NAMED_LINES + 2)]
    text = shown(render.plan_view(plan(lines=lines), every_line=False))
    assert f"a_0, a_1, a_2, a_3, a_4 and 2 more: {command}" in text
    assert "and 2 more" not in shown(render.plan_view(plan(lines=lines[:5]), every_line=False))


def test_a_plan_says_which_cap_it_goes_beyond() -> None:
    assert "Over budget" not in shown(render.plan_view(plan(), every_line=False))
    over = {"message": "The plan costs $2.10: the run's budget of $1.00 has $1.00 left."}
    assert over["message"] in shown(render.plan_view(plan(over_budget=over), every_line=False))


def character(name: str = "MARA", before: int = 0, planned: int = 0) -> Json:
    counts = dict.fromkeys(("lines", "lines_spoken_before", "lines_to_speak", "lines_spoken_after"), 3)
    money = {"before_micros": before, "plan_micros": planned, "after_micros": before + planned}
    return {"character": name, "chars_to_speak": 7, **counts, **money}


def test_a_plan_shows_for_each_character_what_was_spent_and_will_have_been() -> None:
    rows = [character("MARA", 1_200_000, 300_000), character(MARKUP, 0, 2_000_000)]
    spent = {"before_micros": 1_200_000, "after_micros": 3_500_000}
    text = shown(render.plan_view(plan(by_character=rows, spent=spent), every_line=False))
    assert "$1.20 spent before, $3.50 after." in text
    mara = next(row for row in text.splitlines() if "MARA" in row)
    assert all(amount in mara for amount in ("$1.20", "$0.30", "$1.50"))
    assert text.index(MARKUP) < text.index("MARA "), "the dearest comes first"


def test_a_plan_of_nothing_paid_so_far_tells_of_no_past() -> None:
    text = shown(render.plan_view(plan(by_character=[character("ONLY")]), every_line=False))
    assert "spent before" not in text
    assert "ONLY" not in text


def test_a_plan_of_a_large_cast_shows_the_dearest() -> None:
    rows = [character(f"C{n:02}", n) for n in range(15)]
    spent = {"before_micros": 1, "after_micros": 1}
    text = shown(render.plan_view(plan(by_character=rows, spent=spent), every_line=False))
    assert "C14" in text
    assert "C02" not in text
    assert "and 3 more (--json lists them)" in text


def test_a_plan_names_languages_missing_texts_and_voices_that_lapse() -> None:
    by_language = {"de": {"lines": 9, "lines_to_speak": 4, "chars_to_speak": 1_234, "micros": 500_000}}
    missing = {"de": {"lines": 7, "ids": ["a_1", "a_2", "a_3", "a_4", "a_5", "a_6", "a_7"]}}
    soon = {"label": "mara", "characters": ["MARA"], "is_gone": False, "seconds_left": 7_300, "message": None}
    gone = {**soon, "label": "oswin", "is_gone": True, "message": "Kyma no longer has it."}
    drawn = plan(by_language=by_language, missing_languages=missing, lapsing_voices=[soon, gone])
    text = shown(render.plan_view(drawn, every_line=False))
    assert "de  9 lines, 4 to speak (1,234 characters, $0.50)" in text
    assert "7 lines have no text in de: a_1, a_2, a_3, a_4, a_5 and 2 more" in text
    assert "the voice mara of MARA is deleted in 2 hours unless it speaks." in text
    assert "the voice oswin of MARA: Kyma no longer has it." in text


def test_a_plan_names_what_has_left_the_sheet_and_voices_that_nobody_lists() -> None:
    unlisted = {"voice_id": "English_Narator", "characters": ["HERALD"], "hint": "did you mean English_Narrator?"}
    gone = [f"a_{n}" for n in range(render.NAMED_LINES + 1)]
    drawn = plan(removed=8, unlisted_voices=[unlisted]) | {"removed": gone}
    text = shown(render.plan_view(drawn, every_line=False))
    assert "removed  a_0, a_1, a_2, a_3, a_4 and 3 more" in text
    assert "stage lists no voice English_Narator (HERALD): did you mean English_Narrator?" in text
    assert "removed  " not in shown(render.plan_view(plan(), every_line=False))


def test_what_a_cap_has_left_undone_is_counted() -> None:
    takes = {"done": 3, "total": 7}
    text = render.left_over(status(takes=takes, voices=[{"state": "ready"}, {"state": "failed"}]))
    assert "3 of 7 lines are spoken, 4 lines and 1 voice are left" in text


@pytest.mark.parametrize("state", RunState)
def test_a_run_shows_its_state_its_counts_and_its_money(state: RunState) -> None:
    text = shown(render.run_view(status(state=state.value, reason="budget_exceeded", cap_micros=5_000_000)))
    assert f"run_1 of game: {state.value} (budget_exceeded)" in text
    assert "takes  2 of 2 done, 2 speaking, 2 failed, 2 blocked" in text
    assert "money  $0.001260 spent, $0.00 held, $2.10 planned, cap $5.00" in text


def test_a_run_that_waits_for_its_account_says_so() -> None:
    text = shown(
        render.run_view(
            status(paused={"code": "provider_funds", "message": "stage refuses [b]the account[/]", "hint": "Top up."})
        )
    )
    assert "paused stage refuses [b]the account[/]" in text


def test_a_run_without_a_cap_names_none() -> None:
    assert "cap" not in shown(render.run_view(status()))
    assert "cap $0.00" in shown(render.run_view(status(cap_micros=0)))


@pytest.mark.parametrize("state", VoiceState)
def test_the_voices_show_every_state(state: VoiceState) -> None:
    row = {"label": "mara", "kind": "cloned", "state": state.value, "voice_id": None, "made_of": None, "message": None}
    assert state.value in shown(render.voices_table([row]))


def every_view() -> dict[str, RenderableType]:
    failure = {"count": 1, "cause": "refused", "message": MARKUP, "next": MARKUP}
    bad_voice = {"label": MARKUP, "state": "failed", "problem": MARKUP, "message": MARKUP}
    run = {"id": "run_1", "production": MARKUP, "state": "done", "estimate_micros": 0, "started_at": "2026"}
    production = {"name": MARKUP, "title": MARKUP, "language": "en", "lines": 3, "spoken": 1}
    own = {
        "label": MARKUP,
        "kind": "cloned",
        "state": "ready",
        "voice_id": MARKUP,
        "made_of": MARKUP,
        "message": MARKUP,
    }
    system = dict.fromkeys(("provider_voice_id", "name", "category", "description"), MARKUP)
    lines = [line("shared", line_id=MARKUP, character=MARKUP, shares_with=MARKUP)]
    return {
        "plan": render.plan_view(
            plan(voices=[voice(characters=[MARKUP], source=MARKUP)], lines=lines), every_line=True
        ),
        "run": render.run_view(status(production=MARKUP, failures=[failure], voices=[bad_voice])),
        "everything": render.everything_view([run], [production]),
        "voices": render.voices_table([own]),
        "system voices": render.system_voices_table([system]),
    }


@pytest.mark.parametrize("view", every_view())
def test_a_name_that_looks_like_markup_is_shown_as_it_is(view: str) -> None:
    assert MARKUP in shown(every_view()[view])


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("view", every_view())
def test_a_view_keeps_to_the_width_of_the_terminal(view: str, width: int) -> None:
    assert all(len(row) <= width for row in shown(every_view()[view], width).splitlines())


def test_a_run_shows_why_lines_failed_and_the_next_step_for_each_cause() -> None:
    failure = {"cause": "refused", "message": "not [this]", "count": 3, "next": "Change the lines."}
    text = shown(render.run_view(status(failures=[failure])))
    assert "3 lines refused: not [this]" in text
    assert "Change the lines." in text


def test_a_run_that_moves_shows_its_pace_and_the_time_left() -> None:
    assert "2.5 lines a second, about 40 s left" in shown(
        render.run_view(status(takes_per_second=2.5, eta_seconds=40.2))
    )


def test_a_paused_run_shows_the_command_that_resumes_it() -> None:
    paused = {"code": "run_paused", "message": "The run is paused.", "hint": "callsheet resume run_1"}
    assert "callsheet resume run_1" in shown(render.run_view(status(paused=paused)))


@pytest.mark.parametrize(
    ("some", "told"),
    [
        (
            None,
            (
                "run_1 is cancelled. 2 calls are under way and will be finished."
                " 2 of 2 lines are spoken and kept, for $0.001260"
            ),
        ),
        ({"takes": 4, "speaking": 0}, "4 lines of run_1 are cancelled. 2 of 2 lines are spoken and kept"),
    ],
)
def test_a_cancellation_says_what_is_kept_and_what_it_has_cost(some: Json | None, told: str) -> None:
    assert render.cancelled(status(cancelled=some)).startswith(told)


def test_a_retry_shows_what_it_makes_what_it_leaves_out_and_its_price() -> None:
    retry = {
        "run": "run_1",
        "provider": "stage",
        "voices": 1,
        "lines": 3,
        "chars": 1_200,
        "causes": {"provider_failed": 3},
        "left": {"reference_refused": 2},
        "total_micros": 2_100_700,
        "voices_micros": 2_100_000,
        "lines_micros": 700,
        "over_budget": {"message": "Too much."},
    }
    text = shown(render.retry_view(retry))
    counts, causes = ("1 voice to make", "3 lines", "1,200"), ("3 provider_failed", "2 reference_refused")
    for told in (*counts, *causes, "$2.100700", "Too much."):
        assert told in text


def test_a_run_that_is_slowed_down_says_what_is_allowed_what_is_used_and_for_how_long_nobody_calls() -> None:
    slow = {"provider": "kyma", "calls_at_once": 8, "calls_per_minute": 600, "learnt_share": 0.62}
    told = shown(render.run_view(status(slowed=slow | {"cooldown_seconds": 11.2})))
    assert "limit  kyma allows 8 calls at once and 600 a minute" in told
    assert "62% of that pace is used; nobody calls for 12 s" in told
    assert "nobody calls" not in shown(render.run_view(status(slowed=slow | {"cooldown_seconds": 0.0})))
    assert "limit" not in shown(render.run_view(status(slowed=None)))
