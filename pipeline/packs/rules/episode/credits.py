"""Who spoke an episode, under which permission, and what it has cost: for people and for programs."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.ledger.money import dollars
from pipeline.packs.rules.episode.publication import Publication, Spent, VoiceKind
from pipeline.packs.rules.episode.timeline import Placed
from pipeline.packs.rules.episode.transcript import marked
from pipeline.packs.rules.episode.words import plain

_NOTHING = Spent(0, 0)


@dataclass(frozen=True, slots=True)
class Credit:
    """A speaker's part in an episode: lines, seconds of speech, characters billed, micro-dollars."""

    character: str
    name: str
    role: str
    voice: VoiceKind
    talent: str
    consent: str
    lines: int
    seconds: float
    characters: int
    cost_micros: int


def credits_of(placed: Sequence[Placed], publication: Publication) -> list[Credit]:
    """Return everybody who is heard, in the order of their first words."""
    credited = []
    for member, role in publication.speaking(placed):
        own = [one for one in placed if one.piece.character == member.character]
        spent = [publication.spent.get(one.piece.line_id, _NOTHING) for one in own]
        credited.append(
            Credit(
                *(
                    member.character,
                    plain(member.name),
                    role,
                    member.voice,
                    plain(member.talent),
                    plain(member.consent),
                ),
                lines=len(own),
                seconds=round(sum(one.end - one.start for one in own), 3),
                characters=sum(one.characters for one in spent),
                cost_micros=sum(one.cost_micros for one in spent),
            )
        )
    return credited


def disclosure(credited: Sequence[Credit]) -> str:
    """Say in a sentence for listeners which voices are nobody's, and whose were cloned."""
    cloned = [f"{one.name} (cloned voice of {one.talent})" if one.talent else f"{one.name} (cloned voice)"
              for one in credited if one.voice is VoiceKind.CLONED]  # fmt: skip
    made = [one.name for one in credited if one.voice is not VoiceKind.CLONED]
    named = [f"{', '.join(cloned)}"] * bool(cloned) + [f"{', '.join(made)} (synthetic)"] * bool(made)
    return f"Every voice in this episode is generated: {'; '.join(named)}." if named else ""


def credits_json(credited: Sequence[Credit], seconds: float) -> str:
    """Return the report for programs; amounts in micro-dollars. `seconds` is the length of the file."""
    document = {"seconds": round(seconds, 3), **_total(credited), "speakers": [asdict(one) for one in credited]}
    return f"{json.dumps(document, ensure_ascii=False, indent=2)}\n"


def credits_markdown(credited: Sequence[Credit], publication: Publication) -> str:
    """Return the report for people."""
    rows = [
        _cells(
            (one.name, one.role, one.voice, one.talent, one.consent),
            one.lines,
            one.seconds,
            one.characters,
            one.cost_micros,
        )
        for one in credited
    ]
    rows.append(_cells(("In all", *[""] * 4), *_total(credited).values()))
    heads = ("Speaker", "Role", "Voice", "Talent", "Consent", "Lines", "Seconds", "Characters billed", "Cost")
    lines = [f"# Credits: {marked(publication.title)}", "", _row(heads), _row("---" for _ in heads)]
    return "\n".join([*lines, *map(_row, rows), "", disclosure(credited)]).rstrip() + "\n"


def _total(credited: Sequence[Credit]) -> dict[str, Any]:
    return {
        "lines": sum(one.lines for one in credited),
        "speech_seconds": round(sum(one.seconds for one in credited), 3),
        "characters": sum(one.characters for one in credited),
        "cost_micros": sum(one.cost_micros for one in credited),
    }


def _cells(names: Iterable[str], lines: int, seconds: float, characters: int, cost_micros: int) -> list[str]:
    return [*map(marked, names), str(lines), f"{seconds:.1f}", str(characters), dollars(cost_micros)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
