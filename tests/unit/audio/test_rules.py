from dataclasses import replace

import pytest

from pipeline.audio import Levels, ReferenceRules, SourceFacts
from pipeline.audio.rules import check_source, check_trimmed

RULES = ReferenceRules()
SOURCE = SourceFacts(
    container="wav",
    codec="pcm_s24le",
    sample_rate=48_000,
    bits=24,
    channels=2,
    seconds=20.0,
    declared_seconds=20.0,
    packets=1000,
    packet_errors=0,
    size_bytes=5_760_044,
    reached_limit=False,
    cancelled_db=0.0,
)
LEVELS = Levels(
    seconds=20.0,
    lufs=-21.0,
    true_peak_dbtp=-4.0,
    sample_peak_dbfs=-4.1,
    clipping_share=0.0,
    silence_share=0.2,
    noise_floor_dbfs=-60.0,
)


def codes(source: SourceFacts = SOURCE, levels: Levels = LEVELS) -> list[str]:
    return [problem.code for problem in check_source(source, levels, RULES)]


def test_a_good_recording_has_no_problem() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(9.99, ["too_short"]), (10.0, []), (300.0, []), (300.09, []), (300.2, ["too_long"])],
)
def test_length_is_judged_at_its_bounds(seconds: float, expected: list[str]) -> None:
    assert codes(replace(SOURCE, seconds=seconds, declared_seconds=None)) == expected


@pytest.mark.parametrize(
    ("decoded", "declared", "expected"),
    [
        (20.0, 21.0, []),
        (20.0, 21.1, ["length_mismatch"]),
        (20.0, 18.9, ["length_mismatch"]),
        (200.0, 203.9, []),
        (200.0, 204.1, ["length_mismatch"]),
        (20.0, None, []),
    ],
)
def test_a_claim_may_differ_by_a_second_or_two_percent(
    decoded: float, declared: float | None, expected: list[str]
) -> None:
    assert codes(replace(SOURCE, seconds=decoded, declared_seconds=declared)) == expected


def test_the_claim_of_a_recording_that_was_not_decoded_to_its_end_is_not_judged() -> None:
    endless = replace(SOURCE, seconds=301.0, declared_seconds=36_000.0, reached_limit=True)
    (problem,) = check_source(endless, LEVELS, RULES)
    assert (problem.code, problem.measured, problem.allowed) == ("too_long", "more than 300 s", "10 to 300 s")


@pytest.mark.parametrize(
    ("share", "expected"), [(0.594, []), (0.596, ["too_much_silence"]), (0.6, ["too_much_silence"])]
)
def test_sixty_percent_of_silence_as_it_is_printed_is_too_much(share: float, expected: list[str]) -> None:
    assert codes(levels=replace(LEVELS, silence_share=share)) == expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (replace(LEVELS, clipping_share=0.001), []),
        (replace(LEVELS, clipping_share=0.0011), ["clipped"]),
        (replace(LEVELS, lufs=-50.0), []),
        (replace(LEVELS, lufs=-50.1), ["too_quiet"]),
        (replace(LEVELS, lufs=None, silence_share=1.0), ["silent"]),
    ],
)
def test_levels_are_judged_at_their_bounds(levels: Levels, expected: list[str]) -> None:
    assert codes(levels=levels) == expected


@pytest.mark.parametrize(("errors", "expected"), [(20, []), (21, ["damaged"])])
def test_a_few_damaged_packets_are_forgiven(errors: int, expected: list[str]) -> None:
    assert codes(replace(SOURCE, packet_errors=errors)) == expected


@pytest.mark.parametrize(("lost", "expected"), [(6.1, []), (12.1, ["channels_cancel"])])
def test_a_silent_channel_passes_and_a_reversed_one_does_not(lost: float, expected: list[str]) -> None:
    assert codes(replace(SOURCE, cancelled_db=lost)) == expected


def test_every_problem_is_told_at_once_with_figure_limit_and_advice() -> None:
    source = replace(SOURCE, seconds=8.0, declared_seconds=160.0, packet_errors=500)
    levels = replace(LEVELS, clipping_share=0.05, silence_share=0.7)
    problems = check_source(source, levels, RULES)
    assert [problem.code for problem in problems] == [
        "too_short",
        "length_mismatch",
        "damaged",
        "too_much_silence",
        "clipped",
    ]
    for problem in problems:
        assert any(character.isdigit() for character in problem.measured + problem.message)
        assert problem.allowed
        assert problem.hint


@pytest.mark.parametrize(("seconds", "expected"), [(10.0, []), (9.9, ["too_short_trimmed"])])
def test_what_is_left_after_trimming_has_to_be_long_enough(seconds: float, expected: list[str]) -> None:
    assert [problem.code for problem in check_trimmed(seconds, SOURCE, RULES)] == expected
