"""What the sandbox keeps of a voice: a few hundred numbers and no audio."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

PROFILE_VERSION = 1

EMBEDDING_SIZE = 256
ENVELOPE_BANDS = 60


class InvalidProfile(ValueError):
    """The stored text is no voice profile that this version can read."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a recording sounds like, independent of any engine.

    `f0_hz` is the median pitch, `f0_spread` its standard deviation in semitones, `voiced` the share of
    frames with a pitch, `bandwidth_hz` the frequency below which 99.95 % of the power lies, `envelope` the mean log
    power of the loud frames in bands from 120 Hz to 11 kHz.
    """

    f0_hz: float
    f0_spread: float
    voiced: float
    bandwidth_hz: float
    envelope: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from parsed JSON."""
        numbers = {field.name: values[field.name] for field in fields(cls)}
        envelope = tuple(float(value) for value in numbers.pop("envelope"))
        if len(envelope) != ENVELOPE_BANDS:
            raise InvalidProfile(f"the envelope has {len(envelope)} bands, not {ENVELOPE_BANDS}")
        return cls(**{name: float(value) for name, value in numbers.items()}, envelope=envelope)


@dataclass(frozen=True, slots=True)
class Style:
    """A blend of the natural engine's stock styles: one weight a style for timbre, one for prosody."""

    timbre: tuple[float, ...]
    prosody: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from parsed JSON."""
        timbre, prosody = (tuple(float(weight) for weight in values[half]) for half in ("timbre", "prosody"))
        if len(timbre) != len(prosody):
            raise InvalidProfile(f"{len(timbre)} timbre weights beside {len(prosody)} prosody weights")
        return cls(timbre, prosody)


@dataclass(frozen=True, slots=True)
class Profile:
    """A voice of the sandbox: made by any engine, spoken by any engine.

    `measured` and `embedding` are the voice itself. `style` and `calibration` (how that style sounds unaided) are the
    natural engine's rendering of it; without them that engine works them out when it first speaks. `warp` scales pitch
    and formants together (1.0 leaves them alone), `pace` scales the speaking rate.
    """

    measured: Measurements
    embedding: tuple[float, ...]
    style: Style | None = None
    calibration: Measurements | None = None
    warp: float = 1.0
    pace: float = 1.0

    def to_json(self) -> str:
        """Write the profile as compact JSON, about 4 KB."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps({"version": PROFILE_VERSION, **_rounded(values)}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a profile; raises `InvalidProfile` for anything else."""
        try:
            return cls._from_dict(json.loads(text))
        except InvalidProfile:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidProfile(f"not a voice profile: {type(error).__name__}: {error}") from error

    @classmethod
    def _from_dict(cls, values: dict[str, Any]) -> Self:
        if values["version"] != PROFILE_VERSION:
            raise InvalidProfile(f"the profile has version {values['version']}; this program reads {PROFILE_VERSION}")
        embedding = tuple(float(value) for value in values["embedding"])
        if len(embedding) != EMBEDDING_SIZE:
            raise InvalidProfile(f"the embedding has {len(embedding)} numbers, not {EMBEDDING_SIZE}")
        return cls(
            measured=Measurements.from_dict(values["measured"]),
            embedding=embedding,
            style=Style.from_dict(values["style"]) if "style" in values else None,
            calibration=Measurements.from_dict(values["calibration"]) if "calibration" in values else None,
            warp=float(values["warp"]),
            pace=float(values["pace"]),
        )


def rounded(values: Iterable[float], digits: int) -> tuple[float, ...]:
    """Return numbers as a tuple of rounded floats: what goes into a profile is what comes back from its JSON."""
    return tuple(round(float(value), digits) for value in values)


def _rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value
