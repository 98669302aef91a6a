"""What each engine wants: folders, names, codings, and the lists beside the files.

docs/packs.md names the page of each engine's manual that this follows.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.audio import TARGET_LUFS, Delivery, FileCoding
from pipeline.errors import UsageError
from pipeline.intake.rules import PAUSE_AFTER, as_seconds, pause_after
from pipeline.packs.rules.names import LANGUAGE, LINE_ID, Clean, NameTemplate

RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
BITS = (16, 24)
CHANNELS = (1, 2)
LOUDNESS_LUFS = (-40.0, -9.0)
OFF = "off"


class Layout(StrEnum):
    """For whom files are named and laid out."""

    FLAT = "flat"
    YARN = "yarn"
    WWISE = "wwise"
    FMOD = "fmod"
    UNREAL = "unreal"


class PackFormat(StrEnum):
    """What files are stored as."""

    WAV = "wav"
    OGG = "ogg"
    MP3 = "mp3"
    FLAC = "flac"
    AS_IS = "as-is"
    """The take's own bytes."""


@dataclass(frozen=True)
class _Engine:
    template: str
    formats: tuple[PackFormat, ...]
    """What it reads, its default first."""
    bits: int = 16
    clean: Clean = str
    file_is_line_id: bool = False
    """Whether it finds a line's file by the line's id."""


def _asset_name(value: str) -> str:
    """Return a name without what Unreal refuses in names of assets, as its own importers replace it."""
    return re.sub(r"[^\w-]", "_", value)


_ENGINES = {
    Layout.FLAT: _Engine("{character}/{line_id}.{ext}", (PackFormat.AS_IS, *tuple(PackFormat)[:-1])),
    Layout.YARN: _Engine(
        "{lang}/{line_id}.{ext}", (PackFormat.WAV, PackFormat.OGG, PackFormat.MP3), file_is_line_id=True
    ),
    Layout.WWISE: _Engine("{lang}/{character}/{line_id}.{ext}", (PackFormat.WAV,), bits=24),
    Layout.FMOD: _Engine("{lang}/{line_id}.{ext}", tuple(PackFormat)[:-1]),
    Layout.UNREAL: _Engine("{lang}/{DialogueName}_{ContextIndex}.{ext}", (PackFormat.WAV,), clean=_asset_name),
}


@dataclass(frozen=True)
class Asked:
    """What the person asks for; None is the layout's own choice."""

    layout: Layout = Layout.FLAT
    format: PackFormat | None = None
    name: str | None = None
    loudness: str | None = None
    """LUFS, or "off"."""
    rate: int | None = None
    bits: int | None = None
    channels: int | None = None
    pauses: bool = False
    """Whether each line is followed by its `pause_after` in the file."""


@dataclass(frozen=True)
class PackPlan:
    """What becomes of every line: where it goes and what it is stored as."""

    layout: Layout
    template: NameTemplate
    clean: Clean
    delivery: Delivery | None
    """None delivers the take's own bytes."""
    pauses: bool = False

    @property
    def sets_levels(self) -> bool:
        """Whether lines are brought to the loudness of their class."""
        return self.delivery is not None and self.delivery.target_lufs is not None

    def settings(self, wanted: Delivery | None) -> str:
        """Return everything that shapes a file, so that one of other settings is written anew."""
        if wanted is None:
            return PackFormat.AS_IS
        bits = f" {wanted.bits} bit" if wanted.coding.keeps_every_sample else ""
        level = "level kept"
        if wanted.target_lufs is not None:
            level = f"{wanted.target_lufs:g} LUFS, at most {wanted.ceiling_dbtp:g} dBTP"
        tail = f", {as_seconds(wanted.tail_seconds)} s of silence behind it" if wanted.tail_seconds else ""
        return f"{wanted.coding} {wanted.rate} Hz {wanted.channels} ch{bits}, {level}{tail}"

    def tail_seconds(self, extras: Mapping[str, str]) -> float:
        """Return how much silence is written behind a line with these columns; raises `Refusal` where it is no time."""
        return pause_after(extras.get(PAUSE_AFTER, "")) if self.pauses else 0.0


def planned(asked: Asked, languages: Iterable[str]) -> PackPlan:
    """Return what is to be done for lines of these languages. Raises `UsageError` where an engine cannot take it."""
    engine, spoken = _ENGINES[asked.layout], sorted(set(languages))
    form = asked.format or engine.formats[0]
    if form not in engine.formats:
        allowed = ", ".join(engine.formats)
        raise UsageError(f"The layout {asked.layout} does not take {form} files.", hint=f"Choose one of: {allowed}.")
    several = len(spoken) > 1
    template = NameTemplate(asked.name or _own_template(asked.layout, engine, several=several))
    _require_findable(asked.layout, engine, template, spoken)
    delivery = None if form is PackFormat.AS_IS else _delivery(asked, engine, form)
    if delivery is None:
        _refuse_conversion(asked)
    return PackPlan(asked.layout, template, engine.clean, delivery, asked.pauses)


def _own_template(layout: Layout, engine: _Engine, *, several: bool) -> str:
    return f"{{{LANGUAGE}}}/{engine.template}" if layout is Layout.FLAT and several else engine.template


def _require_findable(layout: Layout, engine: _Engine, template: NameTemplate, languages: list[str]) -> None:
    if engine.file_is_line_id and template.file != f"{{{LINE_ID}}}.{{ext}}":
        raise UsageError(
            f"{layout} finds a line's file by the line's id: the file cannot be named {template.file}.",
            hint=f"End the template with /{{{LINE_ID}}}.{{ext}}.",
        )
    if layout is not Layout.FLAT and len({template.home(language) for language in languages}) < len(languages):
        raise UsageError(
            f"{template.text} puts {', '.join(languages)} into one folder; {layout} wants one a language.",
            hint=f"Begin the template with {{{LANGUAGE}}}/.",
        )


def _delivery(asked: Asked, engine: _Engine, form: PackFormat) -> Delivery:
    _require_one_of("--rate", asked.rate, RATES)
    _require_one_of("--bits", asked.bits, BITS)
    _require_one_of("--channels", asked.channels, CHANNELS)
    own = TARGET_LUFS if asked.layout is not Layout.FLAT else None
    return Delivery(
        FileCoding(form.value),
        rate=asked.rate or 48_000,
        channels=asked.channels or 1,
        bits=asked.bits or engine.bits,
        target_lufs=own if asked.loudness is None else _loudness(asked.loudness),
    )


def _require_one_of(option: str, given: int | None, allowed: tuple[int, ...]) -> None:
    if given is not None and given not in allowed:
        raise UsageError(f"{option} {given} is not possible.", hint=f"Choose one of: {', '.join(map(str, allowed))}.")


def _loudness(text: str) -> float | None:
    if text.strip().casefold() == OFF:
        return None
    lowest, highest = LOUDNESS_LUFS
    try:
        target = float(text)
    except ValueError:
        target = highest + 1
    if not lowest <= target <= highest:
        raise UsageError(
            f"--loudness {text} is not possible.", hint=f"Give {lowest:g} to {highest:g} LUFS, or {OFF} to keep levels."
        )
    return target


def _refuse_conversion(asked: Asked) -> None:
    wishes = {"--loudness": asked.loudness, "--rate": asked.rate, "--bits": asked.bits, "--channels": asked.channels}
    given = [option for option, wish in wishes.items() if wish is not None and wish != OFF]
    given += ["--pauses"] if asked.pauses else []
    if given:
        raise UsageError(
            f"{', '.join(given)} would change the sound, and {PackFormat.AS_IS} keeps a take's own bytes.",
            hint="Add --format wav, ogg, mp3 or flac.",
        )
