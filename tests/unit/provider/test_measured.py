import inspect
from dataclasses import dataclass, field

import pytest

from pipeline.provider.errors import RateLimited
from pipeline.provider.measured import MeasuredProvider
from pipeline.provider.port import SpeechRequest, VoiceProvider
from tests.support.fakes import ScriptedProvider

REQUEST = SpeechRequest("stage-hd", "Hello.", "stage_1", "wav")


@dataclass
class Kept:
    """Remembers what it was told."""

    told: list[tuple[str, ...]] = field(default_factory=list)

    def begins(self, call: str) -> None:
        self.told.append((call,))

    def ends(self, call: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.told.append((call, outcome))


def test_a_call_is_handed_on_and_told_with_its_outcome() -> None:
    scripted, kept = ScriptedProvider(), Kept()
    measured: VoiceProvider = MeasuredProvider(scripted, kept)
    assert measured.name == scripted.name
    assert measured.synthesize(REQUEST).audio
    assert scripted.speech_calls == [REQUEST]
    assert kept.told == [("speech",), ("speech", "answered")]


@pytest.mark.parametrize(("error", "outcome"), [(RateLimited("slower"), "rate_limited"), (KeyError("x"), "broken")])
def test_an_error_passes_as_it_is_and_is_told_by_its_kind(error: Exception, outcome: str) -> None:
    scripted, kept = ScriptedProvider(), Kept()
    scripted.will_speak(error)
    with pytest.raises(type(error)) as raised:
        MeasuredProvider(scripted, kept).synthesize(REQUEST)
    assert raised.value is error
    assert kept.told == [("speech",), ("speech", outcome)]


def test_every_call_of_the_port_is_measured() -> None:
    methods = {name for name, _ in inspect.getmembers(VoiceProvider, inspect.isfunction) if not name.startswith("_")}
    kept = Kept()
    measured = MeasuredProvider(ScriptedProvider(), kept)
    for name in sorted(methods):
        given = [REQUEST] * (len(inspect.signature(getattr(VoiceProvider, name)).parameters) - 1)
        getattr(measured, name)(*given)
    assert len([told for told in kept.told if told[1:] == ("answered",)]) == len(methods - {"capabilities"})
