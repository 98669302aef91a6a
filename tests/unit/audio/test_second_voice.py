"""A recording with two speakers is told with the times at which to listen, and one with a single speaker is not."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.audio import Container, Part, prepare_reference, second_voice
from pipeline.audio.decode import read_all
from pipeline.audio.encode import resample
from pipeline.audio.second_voice import Passage, suspicion
from pipeline.audio.speaker import RATE, Floats, SpeakerEncoder, Trace, speaker_encoder
from tests.support.recordings import wav_bytes

REFERENCES = Path(__file__).parents[3] / "examples/cast/references"
MOST_ALIKE = (("ilse", "tamsin"), ("corin", "oswin"), ("mara", "tamsin"))


def speech(name: str) -> Floats:
    path = next(REFERENCES.glob(f"{name}.*"))
    samples, facts = read_all(path, Container(path.suffix[1:]), max_seconds=60)
    return np.concatenate([block[0] for block in resample([samples], facts.sample_rate, RATE)])


@pytest.fixture(scope="module")
def talents() -> dict[str, Floats]:
    return {path.stem: speech(path.stem) for path in sorted(REFERENCES.iterdir())}


def heard(sound: Floats) -> list[Passage]:
    return second_voice.second_voice(speaker_encoder(), sound)


def beside(talents: dict[str, Floats]) -> Floats:
    """Mara, with eight seconds of Bram from second 10 on."""
    mara, bram = talents["mara"], talents["bram"]
    return np.concatenate([mara[: 10 * RATE], bram[: 8 * RATE], mara[10 * RATE :]])


def test_one_speaker_is_never_taken_for_two(talents: dict[str, Floats]) -> None:
    assert {name: heard(sound[: 12 * RATE]) for name, sound in talents.items()} == {name: [] for name in talents}


def test_the_two_speakers_that_are_most_alike_are_told_apart(talents: dict[str, Floats]) -> None:
    missed = [
        (a, b) for a, b in MOST_ALIKE if not heard(np.concatenate([talents[a][: 10 * RATE], talents[b][: 10 * RATE]]))
    ]
    assert missed == []


def test_without_a_bound_two_speakers_pass_for_one(talents: dict[str, Floats], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_voice, "ALIKE", -1.0)
    assert heard(beside(talents)) == []


def test_the_times_lead_to_the_other_speaker(talents: dict[str, Floats]) -> None:
    [passage] = heard(beside(talents))
    assert passage.start == pytest.approx(10, abs=1.6)
    assert passage.end == pytest.approx(18, abs=1.6)
    [problem] = suspicion([Passage(67.2, 72.9), Passage(100, 104)])
    assert problem.measured == "1:07 to 1:12, 1:40 to 1:44"


def test_a_long_recording_is_listened_to_in_so_many_places_and_no_more(talents: dict[str, Floats]) -> None:
    long = np.tile(talents["corin"], 6)
    trace = speaker_encoder().trace(long, 60)
    assert 54 <= len(trace.embeddings) <= 61
    assert trace.ends[-1] > len(long) / RATE - 4
    assert (np.diff(trace.starts) > 0).all()


@pytest.mark.parametrize(("seconds_of_bram", "listened"), [(0, [60]), (20, [60, 120])])
def test_a_long_recording_is_listened_to_closely_where_it_may_be_of_two_people(
    talents: dict[str, Floats], monkeypatch: pytest.MonkeyPatch, seconds_of_bram: int, listened: list[int]
) -> None:
    asked, trace = [], SpeakerEncoder.trace

    def noted(encoder: SpeakerEncoder, pcm: Floats, most: int, least: int = 1) -> Trace:
        asked.append(most)
        return trace(encoder, pcm, most, least)

    monkeypatch.setattr(SpeakerEncoder, "trace", noted)
    mara = np.tile(talents["mara"], 6)
    beside = np.concatenate(
        [mara[: 60 * RATE], np.tile(talents["bram"], 2)[: seconds_of_bram * RATE], mara[60 * RATE :]]
    )
    assert bool(heard(beside)) == bool(seconds_of_bram)
    assert asked == listened


def test_a_few_seconds_sound_the_same_alone_and_as_a_part_of_more(talents: dict[str, Floats]) -> None:
    mara = talents["mara"]
    few, many = (speaker_encoder().trace(mara[: seconds * RATE], 60).embeddings for seconds in (6, 14))
    assert len(few) <= 8 < len(many)  # what is few is multiplied row by row
    assert (few * many[: len(few)]).sum(axis=1)[:-1] == pytest.approx(1.0, abs=1e-3)


def test_of_what_is_too_short_to_tell_no_voice_is_computed(
    talents: dict[str, Floats], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpeakerEncoder, "_run_layers", lambda *_: pytest.fail("it is computed"))
    assert heard(talents["mara"][: 4 * RATE]) == []
    assert len(speaker_encoder().trace(talents["mara"][: 4 * RATE], 60, least=6).embeddings) == 0
    with pytest.raises(pytest.fail.Exception):
        heard(talents["mara"][: 8 * RATE])


@pytest.mark.parametrize(
    "sound", [np.zeros(0, np.float32), np.zeros(RATE // 100, np.float32), np.zeros(3 * RATE, np.float32)]
)
def test_what_is_too_short_to_tell_is_told_of_nobody(sound: Floats) -> None:
    assert heard(sound) == []


def test_a_recording_with_a_second_voice_is_prepared_with_a_warning(talents: dict[str, Floats], tmp_path: Path) -> None:
    source = tmp_path / "two.wav"
    source.write_bytes(wav_bytes(beside(talents)[None], RATE))
    prepared = prepare_reference(source, tmp_path)
    assert [warning.code for warning in prepared.warnings] == ["second_voice"]
    assert prepared.as_dict()["warnings"][0]["hint"]

    part = prepare_reference(source, tmp_path, part=Part(8.0, 24.0))
    assert part.source.seconds == pytest.approx(16, abs=0.01)
    [warning] = part.warnings
    assert warning.measured.startswith(("0:09", "0:10", "0:11")), "the times are those of the recording"
