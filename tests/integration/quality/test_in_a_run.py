"""A run whose provider spoils a seeded share of its lines: real speech, the real gate, what is delivered."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache

import pytest
from sqlalchemy import func, select

from pipeline import views
from pipeline.audio import encode_speech
from pipeline.intake.models import Run, RunState
from pipeline.intake.rules import QualitySettings
from pipeline.ledger.models import Budget, Transfer
from pipeline.provider.port import SpeechRequest, SpeechResult
from pipeline.quality import Ears, Outcome, Voices
from pipeline.sandbox.shares import Spoiler
from pipeline.sandbox.spoiling import speak
from pipeline.sandbox.voice import SAMPLE_RATE, VoiceEngine, load_engine
from pipeline.speech.models import Take
from tests.integration.planning.plans import apply
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.factories import Sheet
from tests.support.fakes import CAPABILITIES, speech
from tests.support.stage import Stage
from workers.app import Station

pytest.importorskip("pocketsphinx", reason="no wheel for this Python")
VOICE = "English_Narrator"
SHARES, SEED = "cut=0.15,wrong_line=0.15,clipped=0.12,long=0.08", 56
LINES = (
    "Keep the lantern low and wait until the tide has turned.",
    "The smith sold his hammer before dawn, and nobody knows why.",
    "Who left the gate open when the bell rang twice?",
    "I buried the silver coin under the old mill.",
    "Carry the barrel down to the harbour, quickly.",
    "They crossed the river at nightfall with two wagons.",
    "Nobody has seen the ferryman since the feast.",
    "Bring the candle here, I cannot read the map.",
    "The queen has written a letter to the captain.",
    "We should have turned back at the watchtower.",
    "Count the arrows again, and count them slowly.",
    "There is smoke above the village, look over there.",
)


@cache
def pico() -> VoiceEngine:
    return load_engine("pico")


@dataclass
class Sloppy:
    """Speaks as the sandbox does, and spoils what the seed says; another asking for a line is another draw."""

    spoiler: Spoiler = field(default_factory=Spoiler)
    spoilt: list[bool] = field(default_factory=list)

    def __call__(self, request: SpeechRequest) -> SpeechResult:
        drawn = self.spoiler.draw(SHARES, SEED, request.text, VOICE)
        profile = pico().system_profile(VOICE)
        assert profile is not None
        pcm = speak(pico(), profile, (request.text, VOICE), 1.0, drawn.points).pcm
        self.spoilt.append(bool(drawn.points))
        return speech(request.text, audio=encode_speech(pcm[None, :], SAMPLE_RATE, "wav"))


@pytest.fixture
def real(stage: Stage) -> Iterator[Stage]:
    """The stage with the gate itself, and a provider that is not to be trusted."""
    with Ears() as ears:
        stage.edge = replace(stage.edge, ears=ears, voices=Voices())
        Station.edge = stage.edge
        yield stage


def spoken(stage: Stage, quality: QualitySettings) -> tuple[str, Sloppy]:
    """Run the lines; return the run and who spoke."""
    with stage.database.write() as session:
        owner = factories.account(session).id
    sloppy = Sloppy()
    stage.provider.abilities = replace(CAPABILITIES, max_chars=1_000)  # a line is one call
    stage.provider.will_speak(*[sloppy] * 60)
    started = apply(stage, owner, Sheet().system("guard", VOICE).says("guard", *LINES).submission(quality=quality))
    stage.settle_down(20)
    return started, sloppy


@on_sqlite
def test_what_a_provider_has_spoilt_is_caught_made_again_and_not_delivered(real: Stage) -> None:
    started, sloppy = spoken(real, QualitySettings(retakes=2))
    first = sloppy.spoilt[: len(LINES)]
    assert sum(first) == 6
    with real.database.read() as session:
        run = session.get_one(Run, started)
        takes = session.scalars(select(Take)).all()
        lines = views.line_takes(session, run.account_id, "game")
        paid = session.scalar(select(func.sum(Transfer.amount)))
        booked = session.get_one(Budget, started).spent
    assert run.state is RunState.DONE
    assert len(takes) == len(sloppy.spoilt) == len(LINES) + 6 + 2  # two were spoilt twice
    assert sorted(take.outcome is Outcome.BAD for take in takes) == sorted(sloppy.spoilt)
    assert {line["heard"] for line in lines} == {Outcome.GOOD}
    assert paid == booked == sum(take.estimate for take in takes)
    assert run.retaken == booked - run.estimate


@on_sqlite
def test_without_the_gate_what_was_spoilt_is_delivered(real: Stage) -> None:
    started, sloppy = spoken(real, QualitySettings(check=False))
    assert (len(sloppy.spoilt), sum(sloppy.spoilt)) == (len(LINES), 6)
    with real.database.read() as session:
        run = session.get_one(Run, started)
        lines = views.line_takes(session, run.account_id, "game")
    assert (run.state, {line["heard"] for line in lines}) == (RunState.DONE, {None})
