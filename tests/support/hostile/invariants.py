"""What holds for every project that is accepted, whatever its files looked like."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import get_args

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from pipeline import schema
from pipeline.intake.rules import Line, Project, names, plain_id, spoken_text, values
from pipeline.intake.rules.fields import AudioFormat
from pipeline.intake.rules.languages import MARK
from pipeline.intake.rules.marked import has_marks
from pipeline.intake.rules.problems import Refusal
from pipeline.planning.market import Market
from pipeline.planning.service import Submission, draw_up
from tests.support import factories

SCRIPTS = (".fountain", ".md", ".ssml", ".txt")


def broken(project: Project) -> Iterator[str]:
    """Say what of a project is not as everything behind the reader takes it to be."""
    met: set[str] = set()
    last: dict[str, int] = defaultdict(int)
    for line in project.lines:
        folded = names.folded(line.id)
        if folded in met:
            yield f"two lines are called {line.id!r}"
        met.add(folded)
        if MARK not in line.id:  # translations follow when all lines are known
            if line.row < last[line.file]:
                yield f"{line.id!r} of row {line.row} stands behind row {last[line.file]}"
            last[line.file] = line.row
        yield from _wrong(project, line)
    if not met:
        yield "a project without a line"


def _wrong(project: Project, line: Line) -> Iterator[str]:
    """Say what is wrong with a line by itself."""
    if not _is_legal(plain_id(line.id)) or project.language_of(line.id) not in (project.language, *project.languages):
        yield f"{line.id!r} is no id"
    if line.character not in project.characters:
        yield f"{line.id!r} is spoken by nobody"
    told = [line.text, line.direction, *line.extras, *line.extras.values()]
    if not all(map(values.is_plain, told)):
        yield f"{line.id!r} holds what nobody can type: {told!r:.200}"
    json.dumps(told, ensure_ascii=False).encode()
    said = project.said(line)
    if not any(map(str.isalnum, said)) or spoken_text(said) != said:
        yield f"{line.id!r} is sent as {said!r:.200}"
    if line.file.endswith(SCRIPTS) and has_marks(said + line.text + line.direction):
        yield f"a mark is left in {line.id!r}: {said!r:.200}"


def _is_legal(line_id: str) -> bool:
    try:
        return names.line_id(line_id) == line_id
    except Refusal:
        return False


def planned(project: Project) -> None:
    """Draw its plan up in an empty house, at a provider that sells what the project asks for."""
    references = {talent.reference: "0" * 64 for talent in project.talents.values()}
    with Session(_house()) as session:
        plan = draw_up(session, "acc_1", Submission(project, references), _market(project))
        found = [line.line_id for line in plan.lines]
        assert found == [line.id for line in project.lines]
        assert plan.price > 0
        assert len(plan.digest()) == 64


@cache
def _house() -> Engine:
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    return engine


def _market(project: Project) -> Market:
    market = factories.market()
    models = [project.settings.model, *(one.model for one in project.characters.values() if one.model)]
    prices = replace(market.prices, speech_micros_per_million_chars=dict.fromkeys(models, 100_000_000))
    sold = replace(market.capabilities, formats=get_args(AudioFormat))
    return replace(market, prices=prices, capabilities=sold)
