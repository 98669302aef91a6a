"""Many takes at once: a child each, let go when nobody needs it; and what is remembered of voices."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, Event
from typing import Any, ClassVar

import pytest

from pipeline.quality import Ears, Expectation, Verdict, Voiceprint, Voices, ears
from pipeline.quality.ears import KNOWN_TAKES
from tests.support.ears import bad, good

LINE = Expectation("Halt!")
HEARD = replace(good(), voiceprint=Voiceprint((0.6, 0.8)))


class Child:
    """Stands in for an examiner, which is tested by itself: here it matters when one is made and closed."""

    made: ClassVar[list["Child"]] = []
    together: Barrier | None = None

    def __init__(self) -> None:
        self.closed = Event()
        self.made.append(self)

    def judge(self, *_: Any) -> Verdict:
        if self.together:
            self.together.wait(10)
        return HEARD

    def close(self) -> None:
        self.closed.set()


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch) -> list[Child]:
    monkeypatch.setattr(Child, "made", [])
    monkeypatch.setattr(ears, "Examiner", Child)
    return Child.made


def test_takes_after_each_other_need_one_child(children: list[Child]) -> None:
    with Ears() as listening:
        assert [listening.judge(b"", "mp3", LINE) for _ in range(3)] == [HEARD] * 3
        assert len(children) == 1
    assert children[0].closed.is_set()


def test_takes_at_once_have_a_child_each(children: list[Child], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Child, "together", Barrier(2))
    with Ears() as listening, ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: listening.judge(b"", "mp3", LINE), range(2))) == [HEARD] * 2
    assert [child.closed.is_set() for child in children] == [True, True]


def test_a_child_that_nobody_needs_is_let_go(children: list[Child]) -> None:
    with Ears(idle_seconds=0.01) as listening:
        listening.judge(b"", "mp3", LINE)
        assert children[0].closed.wait(10)
        listening.judge(b"", "mp3", LINE)
        assert len(children) == 2


def test_a_child_that_fails_is_not_lost(monkeypatch: pytest.MonkeyPatch, children: list[Child]) -> None:
    monkeypatch.setattr(Child, "judge", lambda *_: 1 / 0)
    with Ears() as listening, pytest.raises(ZeroDivisionError):
        listening.judge(b"", "mp3", LINE)
    assert children[0].closed.is_set()


def test_a_voice_is_known_by_its_good_takes_and_not_by_more_than_needed() -> None:
    voices = Voices()
    for _ in range(KNOWN_TAKES + 5):
        voices.learn("voice_1", HEARD)
    voices.learn("voice_2", replace(bad(), voiceprint=Voiceprint((0.6, 0.8))))
    assert (len(voices.of("voice_1")), voices.of("voice_2")) == (KNOWN_TAKES, ())
    assert (voices.knows("voice_2"), voices.knows("voice_3")) == (True, False)


def test_the_voices_that_were_met_last_are_remembered() -> None:
    voices = Voices(2)
    for name in ("one", "two", "one", "three"):
        voices.meet(name)
    assert [name for name in ("one", "two", "three") if voices.knows(name)] == ["one", "three"]
