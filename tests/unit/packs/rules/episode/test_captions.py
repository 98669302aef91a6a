"""Captions, read back with two libraries of different makers."""

from collections.abc import Sequence
from itertools import pairwise

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.packs.rules.episode import captions
from pipeline.packs.rules.episode.captions import SRT_SHAPE, WEBVTT_SHAPE, Cue, Shape, as_srt, as_webvtt, cues_of
from pipeline.packs.rules.episode.timeline import Timeline
from pipeline.packs.rules.episode.words import WordTimes, heard_pieces
from pipeline.quality.word_times import WordTime
from tests.support.timelines import SAID, timeline

LONG = (
    "The lamp had been out for three nights, and nobody in the village would say why. Mara climbed the tower with a"
    " candle, a rope, and a great deal of bad language; what she found at the top was not a ghost, but a very large"
    " and very offended owl. It looked at her, she looked at it, and neither of them blinked for the better part of"
    " a minute. Then the owl, having made its point, left through the broken pane."
)
HOSTILE = "A <b>bold & brave</b> --> arrow\n\nWEBVTT {\\an8} 5 < 6 > 4"
SHOWN = "A <b>bold & brave</b> --> arrow WEBVTT {\\an8} 5 < 6 > 4"


def cues(
    episode: Timeline, shape: Shape = WEBVTT_SHAPE, times: WordTimes | None = None, *, named: bool = False
) -> list[Cue]:
    return cues_of(heard_pieces(episode, times or {}), episode.seconds, shape, named=named)


def vtt(episode: Timeline) -> webvtt.WebVTT:
    return webvtt.WebVTT.from_string(as_webvtt(heard_pieces(episode, {}), episode.seconds), strict=True)


def srt(episode: Timeline) -> pysubs2.SSAFile:
    return pysubs2.SSAFile.from_string(as_srt(heard_pieces(episode, {}), episode.seconds), "srt")


def shown(found: Sequence[Cue]) -> str:
    return " ".join(" ".join(cue.lines) for cue in found)


@pytest.mark.parametrize("shape", [WEBVTT_SHAPE, SRT_SHAPE])
def test_cues_hold_every_word_in_at_most_two_short_lines(shape: Shape) -> None:
    found = cues(timeline([("ADA", "Ada", LONG), *SAID]), shape)
    assert shown(found) == " ".join([LONG, *(text for _, _, text in SAID)])
    assert all(len(cue.lines) <= 2 for cue in found)
    assert max(len(line) for cue in found for line in cue.lines) <= shape.line_characters


def test_no_two_cues_are_shown_at_once_and_none_after_the_end_of_the_file() -> None:
    episode = timeline([("ADA", "Ada", LONG), *SAID])
    found = cues(episode)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(found))
    assert all(cue.start_ms < cue.end_ms for cue in found)
    assert found[-1].end_ms <= round(episode.seconds * 1000)


def test_a_piece_begins_its_cue_at_the_onset_of_its_speech() -> None:
    episode = timeline([("ADA", "Ada", LONG), *SAID])
    starts = {cue.start_ms for cue in cues(episode)}
    assert {round(placed.start * 1000) for placed in episode.placed} <= starts


def test_a_cue_within_a_piece_begins_with_its_first_word() -> None:
    episode = timeline([("ADA", "Ada", "I waited. Then the whole tower fell into the sea, and I went home for tea.")])
    words = episode.placed[0].piece.text.split()
    late = [
        WordTime(word, 0.1 + (at if at < 2 else at * 0.2 + 2.0), 0.2 + (at if at < 2 else at * 0.2 + 2.0))
        for at, word in enumerate(words)
    ]
    spread, timed = cues(episode, SRT_SHAPE), cues(episode, SRT_SHAPE, {"l0": late})
    assert timed[1].lines[0].startswith("Then")
    assert timed[1].start_ms == round(1000 * (episode.placed[0].start + late[2].start - 0.1))
    assert abs(spread[1].start_ms - timed[1].start_ms) > 150


def test_breaks_come_at_the_ends_of_sentences_and_clauses() -> None:
    ends = [cue.lines[-1][-1] for cue in cues(timeline([("ADA", "Ada", LONG)]))]
    assert all(end in ".,;" for end in ends)


def test_without_a_look_at_sentences_breaks_fall_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "_roughness", lambda _: 0.0)
    ends = [cue.lines[-1][-1] for cue in cues(timeline([("ADA", "Ada", LONG)]))]
    assert not all(end in ".,;" for end in ends)


def test_no_cue_stays_longer_than_can_be_waited_for_nor_shorter_than_can_be_read_where_there_is_room() -> None:
    found = cues(timeline([("ADA", "Ada", LONG), ("BO", "Bo", "Ha!")]))
    assert all(cue.end_ms - cue.start_ms <= 7_300 for cue in found)
    assert all(cue.end_ms - cue.start_ms >= 1_000 for cue in found[:-1])
    assert found[-1].end_ms - found[-1].start_ms == 650, "the file ends sooner"


def test_webvtt_names_the_speaker_of_every_cue() -> None:
    read = vtt(timeline())
    assert [caption.voice for caption in read] == ["Ada", "Ada", "Bo", "Ada", "Bo"]


def test_srt_names_a_speaker_where_it_changes() -> None:
    texts = [event.plaintext for event in srt(timeline())]
    named = [text.split(":")[0] for text in texts if ":" in text]
    assert named == ["Ada", "Bo", "Ada", "Bo"]
    assert texts[0].startswith("Ada: When the harbour froze,")


def test_times_are_read_back_as_they_were_meant() -> None:
    episode = timeline(before=3_723.25)
    meant = cues(episode)
    read = vtt(episode)
    assert [(caption.start_time.in_milliseconds(), caption.end_time.in_milliseconds()) for caption in read] == [
        (cue.start_ms, cue.end_ms) for cue in meant
    ]
    assert srt(episode)[0].start == 3_723_250


def test_what_looks_like_markup_is_text() -> None:
    episode = timeline([("ADA", "Ada & <Co>", HOSTILE)])
    found = as_webvtt(heard_pieces(episode, {}), episode.seconds)
    assert shown(cues(episode)) == SHOWN
    assert found.count("-->") == len(cues(episode))
    assert "<v Ada &amp; &lt;Co&gt;>A &lt;b&gt;bold &amp; brave&lt;/b&gt; --&gt;" in found
    assert len(vtt(episode)) == len(cues(episode))
    assert "b›bold" in "".join(event.plaintext for event in srt(episode))
    assert as_srt(heard_pieces(episode, {}), episode.seconds).count("-->") == len(srt(episode))


def test_unescaped_the_same_text_would_break_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    episode = timeline([("ADA", "Ada", HOSTILE)])
    monkeypatch.setattr(captions, "escape", lambda text, **_: text)
    with pytest.raises(ValueError, match="-->"):
        as_webvtt(heard_pieces(episode, {}), episode.seconds)


def test_right_to_left_text_keeps_its_order_and_a_name_in_another_script_stands_alone() -> None:
    hebrew = "שלום, מה שלומך היום?"
    episode = timeline([("ADA", "Ada", hebrew), ("DAN", "דן", hebrew)])
    assert shown(cues(episode)) == f"{hebrew} {hebrew}"
    assert [cue.lines for cue in cues(episode, SRT_SHAPE, named=True)] == [("Ada:", hebrew), (f"דן: {hebrew}",)]


def test_a_name_that_is_longer_than_a_line_is_shortened() -> None:
    name = "Professor Bartholomew Featherstonehaugh the Third"
    (cue,) = cues(timeline([("X", name, "Yes. 🎉")]), SRT_SHAPE, named=True)
    assert cue.lines == ("Professor Bartholomew Feathers…:", "Yes. 🎉")
    assert len(cue.lines[0]) == SRT_SHAPE.line_characters


@pytest.mark.parametrize("text", ["🎉", "🎉 👩\u200d🚀 🎉", "Ha", "x" * 400, "🇩🇪" * 200])
def test_pictures_barks_and_endless_words_have_captions(text: str) -> None:
    found = cues(timeline([("ADA", "Ada", text)]))
    assert "".join("".join(cue.lines) for cue in found).replace(" ", "") == text.replace(" ", "")
    assert all(cue.start_ms < cue.end_ms for cue in found)


def test_an_episode_without_a_line_has_no_captions() -> None:
    empty = Timeline([], [], 4.0)
    assert as_webvtt(heard_pieces(empty, {}), 4.0).strip() == "WEBVTT"
    assert as_srt(heard_pieces(empty, {}), 4.0).strip() == ""


def test_overlapping_lines_are_shown_one_after_the_other() -> None:
    episode = timeline()
    first, second, *rest = episode.placed
    crossed = Timeline([first, type(second)(second.piece, first.end - 0.5, first.end + 1), *rest], [], episode.seconds)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(cues(crossed)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Ada", "Bo & Co", "דן"]), st.text(max_size=400)), max_size=4))
def test_whatever_is_said_two_readers_find_the_same_cues(said: list[tuple[str, str]]) -> None:
    episode = timeline([(speaker, speaker, text) for speaker, text in said])
    found, named = cues(episode), cues(episode, SRT_SHAPE, named=True)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(found))
    assert [caption.start_time.in_milliseconds() for caption in vtt(episode)] == [cue.start_ms for cue in found]
    if named:
        assert [event.start for event in srt(episode)] == [cue.start_ms for cue in named]
