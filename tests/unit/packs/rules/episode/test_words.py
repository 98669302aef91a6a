import pytest

from pipeline.packs.rules.episode.timeline import Piece, Placed, Timeline
from pipeline.packs.rules.episode.words import LONGEST_WORD, HeardPiece, heard_pieces, plain
from pipeline.quality.word_times import WordTime


def heard(text: str, *times: tuple[str, float, float], first: float = 0.2) -> HeardPiece:
    """A line heard from 10 to 12 s, whose speech begins at `first` in its take."""
    placed = Placed(Piece("l1", "ADA", "Ada", text), 10.0, 12.0, first)
    (piece,) = heard_pieces(Timeline([placed], [], 13.0), {"l1": [WordTime(*time) for time in times] or None})
    return piece


def spans(piece: HeardPiece) -> list[tuple[str, float, float]]:
    return [(word.text, round(word.start, 3), round(word.end, 3)) for word in piece.words]


def test_a_word_is_heard_where_its_take_was_placed() -> None:
    piece = heard("Hold the line!", ("Hold", 0.2, 0.6), ("the", 0.7, 0.9), ("line!", 0.9, 2.2))
    assert spans(piece) == [("Hold", 10.0, 10.4), ("the", 10.5, 10.7), ("line!", 10.7, 12.0)]
    assert not piece.estimated


def test_the_measured_edges_of_the_speech_win_over_the_aligner() -> None:
    piece = heard("Hold on", ("Hold", 0.0, 0.6), ("on", 0.7, 2.6))
    assert spans(piece) == [("Hold", 10.0, 10.4), ("on", 10.5, 12.0)]


def test_a_take_without_word_times_is_spread_by_letters_and_says_so() -> None:
    piece = heard("Hold the line")
    assert spans(piece) == [("Hold", 10.0, 10.727), ("the", 10.727, 11.273), ("line", 11.273, 12.0)]
    assert piece.estimated


def test_what_makes_no_sound_is_shown_with_its_neighbour() -> None:
    piece = heard(
        "— Hold — on 🎉", ("—", 0.2, 0.2), ("Hold", 0.2, 0.6), ("—", 0.6, 0.6), ("on", 0.7, 2.2), ("🎉", 2.2, 2.2)
    )
    assert spans(piece) == [("— Hold —", 10.0, 10.4), ("on 🎉", 10.5, 12.0)]


def test_a_word_outside_of_the_speech_is_pushed_inside() -> None:
    piece = heard("Hold on", ("Hold", 0.2, 2.2), ("on", 2.4, 2.9))
    assert spans(piece) == [("Hold on", 10.0, 12.0)]


@pytest.mark.parametrize(
    "text", ["x" * 100, "字幕は正しく分割されなければなりません。" * 5, "👩\u200d🚀" * 40, "🇩🇪" * 60, "e\u0301" * 60]
)
def test_a_word_that_fits_no_line_is_cut_between_what_is_seen_as_characters(text: str) -> None:
    piece = heard(text)
    assert "".join(word.text for word in piece.words) == text
    assert all(len(word.text) <= LONGEST_WORD for word in piece.words)
    assert [word.glued for word in piece.words] == [False, *[True] * (len(piece.words) - 1)]
    assert not any(word.text[0] in "\u200d\u0301" for word in piece.words)
    assert all(len(word.text) % 2 == 0 for word in piece.words if "🇩" in text)


def test_an_address_is_cut_after_its_marks() -> None:
    piece = heard("https://example.org/tide/2?photo=1&size=big")
    assert [word.text for word in piece.words] == ["https://example.org/tide/2?", "photo=1&size=big"]


def test_a_picture_alone_lasts_as_long_as_its_sound() -> None:
    assert spans(heard("🎉")) == [("🎉", 10.0, 12.0)]


def test_a_piece_without_text_has_no_words() -> None:
    assert heard("  ").words == []


def test_text_is_shown_without_control_characters() -> None:
    assert plain("a\x00b\nc\u2028d\x1b[1m\ufffe") == "ab c d[1m"
