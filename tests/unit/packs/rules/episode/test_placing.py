from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.mixdown.score import Extent
from pipeline.intake.rules.episode import Episode, Music, Pauses
from pipeline.packs.rules.episode.placing import LEAD_SECONDS, OPENING, TAIL_SECONDS, pause_between, place
from pipeline.packs.rules.episode.timeline import Piece, Timeline

PAUSES = Pauses(line=0.3, speaker=0.5, paragraph=0.7, chapter=1.5)
EPISODE = Episode(pauses=PAUSES)


def piece(number: int, character: str = "host", chapter: int = 1, paragraph: int = 1, **rest: object) -> Piece:
    title = f"Chapter {chapter}" if chapter else ""
    return Piece(f"l{number}", character, character, "Words.", chapter, title, paragraph, **rest)  # type: ignore[arg-type]


def extent(first: float = 0.2, last: float = 2.2) -> Extent:
    return Extent(first, last, last + 0.3, -23.0, -23.0)


def placed(pieces: list[Piece], episode: Episode = EPISODE, **music_seconds: float) -> Timeline:
    return place(pieces, {one.line_id: extent() for one in pieces}, episode, music_seconds)


@pytest.mark.parametrize(
    ("after", "pause"),
    [
        (piece(2), 0.3),
        (piece(2, paragraph=2), 0.7),
        (piece(2, "guest"), 0.5),
        (piece(2, "guest", paragraph=2), 0.5),
        (piece(2, "guest", chapter=2, paragraph=2), 1.5),
    ],
)
def test_the_silence_between_two_lines_is_what_the_change_asks_for(after: Piece, pause: float) -> None:
    assert pause_between(piece(1), after, PAUSES) == pause


@pytest.mark.parametrize("said", [0.0, 0.1, 4.0])
def test_what_the_script_says_of_a_pause_counts_before_all_else(said: float) -> None:
    assert pause_between(piece(1, pause_after=said), piece(2, chapter=2), PAUSES) == said


def test_pauses_are_between_what_is_heard_and_not_between_files() -> None:
    one, two = placed([piece(1), piece(2)]).placed
    assert (one.start, one.end) == (LEAD_SECONDS, LEAD_SECONDS + 2.0)
    assert two.start - one.end == pytest.approx(0.3)
    assert (two.first, two.last) == (0.2, pytest.approx(2.2))


def test_a_missing_and_a_silent_take_are_left_out_and_named_with_their_pauses() -> None:
    pieces = [piece(1), piece(2, pause_after=9.0), piece(3, pause_after=9.0), piece(4)]
    timeline = place(pieces, {"l1": extent(), "l3": extent(0.0, 0.0), "l4": extent()}, EPISODE, {})
    assert [one.piece.line_id for one in timeline.placed] == ["l1", "l4"]
    assert [one.line_id for one in timeline.missing] == ["l2", "l3"]
    assert timeline.placed[1].start - timeline.placed[0].end == pytest.approx(0.3)


def test_chapters_follow_each_other_from_the_beginning_to_the_end_of_the_file() -> None:
    timeline = placed([piece(1), piece(2, chapter=2), piece(3, chapter=2), piece(4, chapter=3)])
    assert [one.title for one in timeline.chapters] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert timeline.chapters[0].start == 0
    assert timeline.chapters[-1].end == timeline.seconds
    assert all(one.end == two.start for one, two in pairwise(timeline.chapters))
    assert timeline.placed[1].start - timeline.chapters[1].start == pytest.approx(0.25)


def test_two_chapters_of_one_title_are_two() -> None:
    pieces = [piece(1), piece(2, chapter=2)]
    pieces = [Piece(one.line_id, "host", "host", "Words.", one.chapter, "Again") for one in pieces]
    assert [one.title for one in placed(pieces).chapters] == ["Again", "Again"]


def test_what_stands_before_the_first_heading_is_a_chapter_where_there_are_others() -> None:
    assert [one.title for one in placed([piece(1, chapter=0), piece(2)]).chapters] == [OPENING, "Chapter 1"]
    assert placed([piece(1, chapter=0)]).chapters == []


def test_a_chapter_that_loses_all_its_lines_is_dropped_and_named() -> None:
    pieces = [piece(1), piece(2, chapter=2), piece(3, chapter=3)]
    timeline = place(pieces, {"l1": extent(), "l3": extent()}, EPISODE, {})
    assert [one.title for one in timeline.chapters] == ["Chapter 1", "Chapter 3"]
    assert timeline.empty == ["Chapter 2"]


def test_a_bark_of_three_tenths_of_a_second_has_its_place() -> None:
    timeline = place([piece(1)], {"l1": extent(0.0, 0.3)}, EPISODE, {})
    assert timeline.placed[0].end - timeline.placed[0].start == pytest.approx(0.3)
    assert timeline.seconds == pytest.approx(LEAD_SECONDS + 0.3 + TAIL_SECONDS)


def test_with_no_take_at_all_nothing_is_placed_and_everything_is_named() -> None:
    timeline = place([piece(1)], {}, EPISODE, {})
    assert (timeline.placed, timeline.chapters, timeline.empty) == ([], [], ["Chapter 1"])
    assert len(timeline.missing) == 1


def test_speech_begins_where_the_intro_ends_or_under_it_and_the_first_chapter_at_0() -> None:
    episode = Episode(pauses=PAUSES, intro=Music("i.mp3", fade=1.0, under=2.0))
    timeline = placed([piece(1)], episode, intro=8.0)
    assert timeline.placed[0].start == pytest.approx(6.0)
    assert timeline.chapters[0].start == 0
    (intro,) = timeline.music
    assert (intro.role, intro.start, intro.seconds, intro.fade_out) == ("intro", 0.0, 8.0, 1.0)


def test_an_intro_shorter_than_its_overlap_lets_speech_begin_at_once() -> None:
    episode = Episode(pauses=PAUSES, intro=Music("i.mp3", under=5.0))
    assert placed([piece(1)], episode, intro=3.0).placed[0].start == 0


def test_the_file_is_as_long_as_its_outro() -> None:
    episode = Episode(pauses=PAUSES, outro=Music("o.mp3", under=1.0))
    timeline = placed([piece(1)], episode, outro=10.0)
    assert timeline.music[0].start == pytest.approx(timeline.placed[0].end - 1.0)
    assert timeline.seconds == pytest.approx(timeline.placed[0].end + 9.0)


def test_a_sting_stands_in_the_silence_between_chapters_which_is_longer_by_it() -> None:
    episode = Episode(pauses=PAUSES, sting=Music("s.mp3"))
    timeline = placed([piece(1), piece(2, chapter=2)], episode, sting=2.0)
    before, after = timeline.placed
    assert after.start - before.end == pytest.approx(3.5)
    assert timeline.music[0].start == pytest.approx(before.end + 0.75)
    assert timeline.chapters[1].start == timeline.music[0].start


@pytest.mark.parametrize("seconds", [0.5, 3.0, 100.0])
def test_a_bed_is_repeated_or_cut_until_the_talk_is_over(seconds: float) -> None:
    episode = Episode(pauses=PAUSES, bed=Music("b.mp3", fade=1.0))
    timeline = placed([piece(number) for number in range(9)], episode, bed=seconds)
    beds, talk_end = timeline.music, timeline.placed[-1].end
    assert beds[0].start == 0
    if seconds < 1:
        assert len(beds) == 1
        return
    assert beds[-1].start + beds[-1].seconds == pytest.approx(talk_end + 1.0)
    for one, two in pairwise(beds):
        overlap = one.start + one.seconds - two.start
        assert overlap == pytest.approx(one.fade_out)
        assert 0 < overlap < seconds / 2


LINES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 5), st.none() | st.floats(0, 5), st.booleans()),
    min_size=1,
    max_size=30,
)


@given(LINES, st.none() | st.floats(0.1, 5))
def test_no_line_overlaps_another_and_all_lies_within_the_file(
    lines: list[tuple[str, int, int, float | None, bool]], sting: float | None
) -> None:
    pieces = [
        piece(number, who, chapter, paragraph, pause_after=pause)
        for number, (who, chapter, paragraph, pause, _) in enumerate(sorted(lines, key=lambda line: line[1]))
    ]
    extents = {one.line_id: extent() for one, line in zip(pieces, lines, strict=True) if line[-1]}
    episode = Episode(pauses=PAUSES, sting=Music("s.mp3") if sting else None)
    timeline = place(pieces, extents, episode, {"sting": sting} if sting else {})
    assert len(timeline.placed) + len(timeline.missing) == len(pieces)
    assert all(one.end <= two.start for one, two in pairwise(timeline.placed))
    assert all(one.start < one.end for one in timeline.chapters)
    assert all(laid.start >= 0 and laid.start + laid.seconds <= timeline.seconds + 1e-9 for laid in timeline.music)
    assert all(one.end < timeline.seconds for one in timeline.placed)
    assert all(one.last - one.first == pytest.approx(extent().seconds) for one in timeline.placed)
    assert [one.end for one in timeline.chapters] == [
        *(one.start for one in timeline.chapters[1:]),
        *([timeline.seconds] if timeline.chapters else []),
    ]
    silence = sum(two.start - one.end for one, two in pairwise(timeline.placed))
    heard = sum(one.end - one.start for one in timeline.placed)
    talk = timeline.placed[-1].end - timeline.placed[0].start if timeline.placed else 0
    assert heard + silence == pytest.approx(talk)
    assert not timeline.chapters or timeline.chapters[0].start == 0
