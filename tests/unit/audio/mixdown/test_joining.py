"""MP3 frames of several encoders in one stream, decoded by a reader of another maker and by libav."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
import soundfile
from av.audio.codeccontext import AudioCodecContext

from pipeline.audio.loudness import Samples
from pipeline.audio.mixdown import encoding, joining, middle, reservoir, stretches
from pipeline.audio.mixdown.coding import CODINGS, Tags
from pipeline.audio.mixdown.encoding import ParallelMp3
from pipeline.audio.mixdown.frames import Frames, go_on, set_begins, take_apart
from pipeline.audio.mixdown.joining import Joining
from pipeline.audio.mixdown.reservoir import Reservoir
from pipeline.audio.mixdown.score import RATE
from pipeline.audio.mixdown.stretches import Encoded, Packets, Stretch, encodings, hand_over
from pipeline.audio.mixdown.writing import episode_file
from tests.support.recordings import noise, speech_like

MP3 = CODINGS["mp3"]
DELAY = 1105
"""Samples by which LAME and a decoder are late."""
LONG, START, SHORT, STOP = range(4)


def speech(seconds: float = 4.0) -> Samples:
    """Words with pauses, the same on both sides: pauses leave bits for words."""
    sound = speech_like(seconds, dbfs=-20)
    sound[np.arange(len(sound)) % RATE < RATE // 3] = 0
    return np.tile(sound, (2, 1)).astype(np.float32)


def wide(seconds: float = 4.0) -> Samples:
    """Speech with something else on each side."""
    sides = np.stack([noise(seconds, dbfs=-45, seed=1), noise(seconds, dbfs=-45, seed=2)])
    return (speech(seconds) + sides).astype(np.float32)


def streamed(sound: Samples) -> list[bytes]:
    encoder = ParallelMp3(MP3, len(sound))
    blocks = (sound[:, at : at + RATE] for at in range(0, sound.shape[1], RATE))
    groups = [group for block in blocks for group in encoder.feed(block)]
    return [bytes(packet) for group in [*groups, *encoder.flush()] for packet in group]


def by_one_encoder(sound: Samples, options: dict[str, str], bit_rate: int = 128_000) -> list[bytes]:
    encoder = stretches.new_encoder("libmp3lame", {"flags": "+bitexact", **options})
    encoder.layout, encoder.bit_rate = stretches.LAYOUTS[len(sound)], bit_rate
    return [bytes(packet) for packet in stretches.encoded_packets(Stretch(sound, 0, 0, None), encoder)]


def played(frames: list[bytes]) -> Samples:
    decoder = cast("AudioCodecContext", av.CodecContext.create("mp3float", "r"))
    return np.concatenate([frame.to_ndarray() for one in frames for frame in decoder.decode(av.Packet(one))], axis=1)


def noise_db(out: Samples, sound: Samples) -> float:
    """What coding has added, against the sound, after undoing LAME's scale."""
    heard = out[:, DELAY : DELAY + sound.shape[1]]
    sound = sound[:, : heard.shape[1]]
    return 10 * float(np.log10(((heard / MP3.scale - sound) ** 2).mean() / (sound**2).mean()))


def test_speech_in_stereo_sounds_as_its_one_channel_does_to_the_last_bit() -> None:
    sound = speech()
    one = played(by_one_encoder(sound[:1], stretches._MIDDLE_OPTIONS))
    two = played(streamed(sound))
    assert two.shape == (2, one.shape[1])
    assert np.array_equal(two[0], two[1])
    assert np.array_equal(two[:1], one)


def test_it_is_stored_as_joint_stereo_of_the_bit_rate_that_was_asked_for_and_others_read_it(tmp_path: Path) -> None:
    frames = streamed(speech())
    assert {len(frame) for frame in frames} == {384}
    assert {frame[3] >> 4 for frame in frames} == {0b01_10}
    with episode_file(tmp_path / "a.mp3", MP3, 2, Tags()) as file:
        file.write(speech())
    out = soundfile.read(tmp_path / "a.mp3", dtype="float32")[0].T
    assert np.array_equal(out[0], out[1])
    assert 10 * np.log10((out[0, : 4 * RATE] ** 2).mean() / (speech()[0] ** 2).mean()) == pytest.approx(0, abs=0.1)


def test_control_a_side_without_its_middles_windows_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middle, "WINDOW_SWITCHED", slice(0, 0))
    monkeypatch.setattr(middle, "WINDOW", slice(0, 0))
    monkeypatch.setattr(middle, "_MIXED", slice(0, 0))
    sound = speech()
    sound[:, RATE + 999 :: RATE] = 0.9  # clicks have short windows
    out = played(streamed(sound))
    assert np.abs(out[0] - out[1]).max() > 0.01


def test_it_has_less_noise_than_two_channels_whose_frames_share_no_bits() -> None:
    sound = speech()
    apart = by_one_encoder(sound, {"reservoir": "0"})
    assert noise_db(played(streamed(sound)), sound) < noise_db(played(apart), sound) - 2


def test_frames_laid_anew_sound_as_their_encoder_meant_them() -> None:
    own = by_one_encoder(wide(), {})
    assert np.array_equal(played(laid(own)), played(own))


def test_control_frames_that_do_not_say_where_they_begin_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    own = by_one_encoder(wide(), {})
    monkeypatch.setattr(reservoir, "set_begins", lambda *_: None)
    assert not np.array_equal(played(laid(own)), played(own))


def laid(own: list[bytes]) -> list[bytes]:
    frames, store = take_apart(own), Reservoir(len(own[0]))
    assert store.fits(frames.lengths, frames.heads.shape[1])
    whole = [one for at in range(0, len(own), 50) for one in store.lay(frames[at : at + 50])]
    return whole + store.flush()


@pytest.mark.parametrize("sound", [wide(), wide()[:1]], ids=["stereo", "mono"])
def test_stretches_share_bits_and_have_as_little_noise_as_one_encoder(
    sound: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "_STRETCH_FRAMES", 40)
    whole = played(by_one_encoder(sound, {}, MP3.bit_rate(len(sound))))
    assert noise_db(played(streamed(sound)), sound) < noise_db(whole, sound) + 0.7


def test_where_channels_begin_and_cease_to_be_the_same_no_seam_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_STRETCH_FRAMES", 40)
    sound = np.concatenate([speech(3), wide(3), speech(3)], axis=1)
    out = played(streamed(sound))
    for seam in range(40 * 1152, sound.shape[1] - RATE, 40 * 1152):
        near = slice(seam - DELAY - 2000, seam - DELAY + 2000)
        assert noise_db(out[:, near.start : near.stop + DELAY], sound[:, near]) < -15


def test_control_frames_that_are_not_handed_over_in_order_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_STRETCH_FRAMES", 40)
    monkeypatch.setattr(joining, "hand_over", lambda before, after: (before, after.moved(first=1)))
    sound = speech(3)
    assert noise_db(played(streamed(sound)), sound) > -3


def test_two_stretches_meet_where_their_windows_go_on_as_near_as_can_be() -> None:
    before = with_windows([LONG, LONG, LONG, START, SHORT], stop=3)
    after = with_windows([LONG, LONG, STOP, LONG, LONG], first=2)
    ended, begun = hand_over(before, after)
    assert (ended.stop, begun.first) == (2, 1)
    assert not go_on(before.frames.heads[2], after.frames.heads[2])
    assert hand_over(before, with_windows([LONG] * 5, first=2))[0].stop == 3


def with_windows(windows: list[int], first: int = 0, stop: int | None = None) -> Encoded:
    bits = np.zeros((len(windows), 8 * 36), dtype=np.uint8)
    for row, window in zip(bits, windows, strict=True):
        for granule in range(4):
            at = 8 * 4 + 20 + granule * 59 + 33
            row[at : at + 3] = window > 0, window >> 1, window & 1
    frames = Frames(np.packbits(bits, axis=1), [b""] * len(windows))
    return Encoded(
        frames, cast("Packets", [av.Packet(b"")] * len(windows)), first, len(windows) if stop is None else stop
    )


def test_a_stretch_that_needs_more_bits_than_are_left_is_taken_as_it_is_encoded_next() -> None:
    stretch, asked = Stretch(wide(2), 0, 0, None), []

    def ways() -> Iterator[Encoded]:
        for number, encoded in enumerate(encodings(stretch, MP3)):
            asked.append(number)
            wider = Frames(encoded.frames.heads, [bytes(600)] * len(encoded.frames.coded))
            yield replace(encoded, frames=encoded.frames if number else wider)

    joined = Joining(128_000)
    assert joined.add(ways()) == []
    assert asked == [0, 1]
    taken = [bytes(packet) for packet in joined.end()]
    assert np.array_equal(played(taken), played(by_one_encoder(wide(2), {"reservoir": "0"})))


def test_frames_whose_beginning_is_missing_are_refused() -> None:
    own = by_one_encoder(wide(), {})
    with pytest.raises(ValueError, match="codes what stands before the first"):
        take_apart(own[40:])
    assert take_apart(own[40:], skip=3).lengths == take_apart(own).lengths[43:]


def test_where_a_frame_begins_is_said_in_nine_bits_and_nothing_else_is_touched() -> None:
    heads = np.full((2, 21), 0xFF, dtype=np.uint8)
    set_begins(heads, np.array([0, 300]))
    assert heads[:, 4:6].tolist() == [[0x00, 0x7F], [150, 0x7F]]
