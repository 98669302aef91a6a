"""What is told beside the words: chapters, show notes, credits."""

import json
from dataclasses import replace

import pytest

from pipeline.intake.rules.episode import Episode
from pipeline.packs.rules.episode import credits as crediting
from pipeline.packs.rules.episode.chapters import chapters_json
from pipeline.packs.rules.episode.credits import credits_json, credits_markdown, credits_of, disclosure
from pipeline.packs.rules.episode.notes import SUMMARY_WANTED, notes_markdown
from pipeline.packs.rules.episode.publication import CastMember, VoiceKind, clock
from pipeline.packs.rules.episode.timeline import Chapter, Timeline
from tests.support.timelines import publication, timeline


def test_chapters_say_their_version_and_come_in_order() -> None:
    chapters = [Chapter("Two & more", 61.23456, 90), Chapter("One", 0.0, 61.23456)]
    told = json.loads(chapters_json(chapters, publication(), "ice.mp3"))
    assert told["version"] == "1.2.0"
    assert told["fileName"] == "ice.mp3"
    assert told["podcastName"] == "Small Machines"
    assert told["chapters"] == [
        {"startTime": 0.0, "endTime": 61.235, "title": "One"},
        {"startTime": 61.235, "endTime": 90, "title": "Two & more"},
    ]


def test_an_episode_without_chapters_has_an_empty_list() -> None:
    assert json.loads(chapters_json([], publication(Episode()), None)) == {
        "version": "1.2.0",
        "title": "Eleven days",
        "chapters": [],
    }


def test_credits_add_up_to_what_was_billed() -> None:
    credited = credits_of(timeline().placed, publication())
    assert [(one.name, one.lines, one.characters, one.cost_micros) for one in credited] == [
        ("Ada", 3, 90, 12_600),
        ("Bo", 2, 3, 420),
    ]
    told = json.loads(credits_json(credited, 61.5))
    assert told["cost_micros"] == sum(one["cost_micros"] for one in told["speakers"]) == 13_020
    assert type(told["cost_micros"]) is int
    assert told["speakers"][0]["consent"] == "granted by Jane Roe on 2026-01-02"
    placed = timeline().placed
    assert told["speech_seconds"] == pytest.approx(sum(one.end - one.start for one in placed), abs=0.01)


def test_a_line_that_was_paid_for_and_is_not_heard_is_not_credited() -> None:
    placed = [one for one in timeline().placed if one.piece.line_id != "l0"]
    assert sum(one.cost_micros for one in credits_of(placed, publication())) == 420


def test_credits_for_people_show_dollars_and_a_sum() -> None:
    text = credits_markdown(credits_of(timeline().placed, publication()), publication())
    assert "| Ada | host | cloned | Jane Roe | granted by Jane Roe on 2026-01-02 | 3 |" in text
    assert text.splitlines()[6].startswith("| In all |")
    assert text.splitlines()[6].endswith("| 93 | $0.013020 |")


def test_a_bar_in_a_name_does_not_end_its_cell() -> None:
    published = replace(publication(), cast=[CastMember("ADA", "A|da", VoiceKind.SYSTEM)])
    assert "| A\\|da | host |" in credits_markdown(credits_of(timeline().placed, published), published)


def test_listeners_are_told_which_voices_are_whose() -> None:
    told = disclosure(credits_of(timeline().placed, publication()))
    assert told == "Every voice in this episode is generated: Ada (cloned voice of Jane Roe); Bo (synthetic)."
    assert disclosure([]) == ""


def test_a_speaker_that_the_cast_does_not_know_is_disclosed_all_the_same() -> None:
    published = replace(publication(), cast=[])
    assert disclosure(crediting.credits_of(timeline().placed, published)).endswith("Ada, Bo (synthetic).")


def test_notes_list_chapters_with_times_and_what_is_left_to_do() -> None:
    episode = timeline()
    missing = Timeline(episode.placed, episode.chapters, episode.seconds, [episode.placed[0].piece], ["The gap"])
    published = publication(Episode(show="Small Machines"))
    notes = notes_markdown(missing, published, credits_of(missing.placed, published), ["ice.mp3"])
    assert "- 00:08 The ice" in notes
    assert SUMMARY_WANTED in notes
    assert "Line l0 (Ada) has no take yet." in notes
    assert "Chapter The gap is empty, and left out." in notes
    assert "Set `link`" in notes
    assert "Set `date`" in notes


def test_notes_of_a_whole_episode_leave_nothing_to_do() -> None:
    notes = notes_markdown(timeline(), publication(), credits_of(timeline().placed, publication()), ["ice.mp3"])
    assert "Before this is published" not in notes
    assert "Small Machines, season 1, episode 3" in notes
    assert "About \\*ice\\*." in notes
    assert "[ice.mp3](https://example.org/shows/3/ice.mp3)" in notes


@pytest.mark.parametrize(("seconds", "shown"), [(0, "00:00"), (61.9, "01:01"), (3_599.99, "59:59"), (3_661, "1:01:01")])
def test_times_are_written_as_players_know_them(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
