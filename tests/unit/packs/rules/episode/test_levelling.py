import pytest

from pipeline.audio.mixdown.score import Extent
from pipeline.audio.mixdown.score import Music as Measured
from pipeline.intake.rules.episode import Music
from pipeline.packs.rules.episode.levelling import MOST_GAIN_DB, SPEECH_LUFS, music_gain, voice_gains
from pipeline.packs.rules.episode.timeline import Piece, Placed


def spoken(*lines: tuple[str, float | None, float]) -> tuple[list[Placed], dict[str, Extent]]:
    """Lines by character, LUFS (None: too short for it) and mean power."""
    placed = [
        Placed(Piece(str(number), character, character, ""), 3.0 * number, 3.0 * number + 2)
        for number, (character, _, _) in enumerate(lines)
    ]
    extents = {str(number): Extent(0, 2, 2, lufs, rms) for number, (_, lufs, rms) in enumerate(lines)}
    return placed, extents


def test_two_hosts_of_different_level_come_out_equally_loud() -> None:
    gains = voice_gains(*spoken(("loud", -14.0, -14.0), ("soft", -29.0, -29.0)))
    assert -14 + gains["loud"] == pytest.approx(-29 + gains["soft"]) == pytest.approx(SPEECH_LUFS)


def test_a_whisper_stays_a_whisper_and_does_not_make_the_rest_louder() -> None:
    plain = voice_gains(*spoken(("host", -23.0, -23.0), ("host", -23.0, -23.0)))
    whispered = voice_gains(*spoken(("host", -23.0, -23.0), ("host", -23.0, -23.0), ("host", -38.0, -38.0)))
    assert whispered == pytest.approx(plain)


def test_a_voice_of_barks_alone_is_judged_by_its_mean_power() -> None:
    assert voice_gains(*spoken(("dog", None, -26.0)))["dog"] == pytest.approx(6.0)


def test_a_faint_voice_is_raised_so_far_and_no_further() -> None:
    assert voice_gains(*spoken(("ghost", -60.0, -60.0)))["ghost"] == MOST_GAIN_DB


def test_music_is_set_against_the_loudness_of_speech() -> None:
    assert -12.0 + music_gain(Music("a.mp3", level_db=-3.0), Measured(9.0, -12.0)) == pytest.approx(SPEECH_LUFS - 3)
    assert music_gain(Music("a.mp3"), Measured(9.0, None)) == 0
