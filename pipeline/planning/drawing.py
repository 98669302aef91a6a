"""Drawing a plan up: the sheet and the database are read side by side, a page at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.errors import ConsentRequired, UsageError
from pipeline.intake import service as intake
from pipeline.intake.models import OFF_SHEET, Production
from pipeline.intake.models import Line as LineRow
from pipeline.intake.rules import (
    Character,
    ClonedFrom,
    Designed,
    FirstMet,
    Line,
    LongList,
    Project,
    SystemVoice,
    Talent,
    VoiceSource,
    missing_consent,
    pages,
    spoken_chars,
    spoken_text,
)
from pipeline.planning.collecting import COLLECTIONS
from pipeline.planning.differing import spoken_before, told_apart
from pipeline.planning.market import Market
from pipeline.planning.refreshing import Refreshing
from pipeline.planning.rules import (
    KnownLine,
    KnownVoice,
    LeftInReview,
    LinePlanner,
    Plan,
    PlannedLine,
    Reason,
    WantedLine,
    WantedVoice,
    plan_voices,
)
from pipeline.planning.selecting import EVERYTHING, Selection
from pipeline.planning.standing import Standing, judged, standings, with_choices
from pipeline.references.rules import reference_identity
from pipeline.speech.models import Take
from pipeline.speech.rules import OPEN, Manner, Priority, Sound, TakeState
from pipeline.views import lines_in_review
from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE, GONE, VoiceKind, VoiceState, cloned_key, designed_key, system_key

PAGE = 1_000
"""Lines that are looked up in one statement: bounded by SQLite's 32,766 variables."""


SHOWN = 5
"""Of what cannot be delivered in one sentence; all of it is listed."""


@dataclass(frozen=True)
class Submission:
    """A project, the SHA-256 of each of its reference recordings by path, and what of it is wanted."""

    project: Project
    references: Mapping[str, str]
    selection: Selection = EVERYTHING
    """Which of its lines are wanted now."""
    is_fresh: bool = False
    """Whether those that have a take are to be spoken anew."""
    priority: Priority = Priority.NORMAL
    """Whether they are spoken before or after the account's other lines."""

    def reference_sha256(self, talent: Talent) -> str:
        """Return the hash of a talent's recording; raises `UsageError` where the submission lacks it."""
        found = self.references.get(talent.reference)
        if found is None:
            raise UsageError(
                f"The submission does not hold {talent.reference}, the reference of {talent.name}.",
                hint="Submit the file with the project.",
            )
        return found


@dataclass(frozen=True)
class Sounds:
    """Tells of each line of a submission how it is to sound."""

    project: Project
    market: Market
    voice_keys: Mapping[tuple[str, str], str]
    """By character and language."""
    _manners: dict[tuple[str, str, float | None, int | None, float | None, str | None], Manner] = field(
        default_factory=dict
    )
    """By character, language and delivery: few, where the lines are many."""
    _undeliverable: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, submission: Submission, market: Market) -> "Sounds":
        """Return what tells it of a submission; raises `UsageError` where a recording is missing."""
        keys = {
            (character.key, language): voice_key(submission, character.voice_in(language))
            for character, language in submission.project.roles()
        }
        return cls(submission.project, market, keys)

    def sound(self, line: Line) -> Sound:
        """Return everything that shapes the sound of a line."""
        return self._manner(line).sound(self.project.said(line))

    def voice_key(self, line: Line) -> str:
        """Return the key of the voice that speaks a line."""
        return self.voice_keys[line.character, self.project.language_of(line.id)]

    def price(self, sound: Sound) -> int:
        """Return what speaking it once is expected to cost, in micro-dollars."""
        return self.market.prices.speech(sound.model, spoken_chars(sound.text, self.market.prices.chars))

    def wanted(self, line: Line) -> WantedLine:
        """Return a line as the plan compares it."""
        manner, said, text = self._manner(line), self.project.said(line), spoken_text(line.text)
        chars = spoken_chars(said, self.market.prices.chars)
        price = self.market.prices.speech(manner.model, chars)
        fingerprint = manner.fingerprint(said)
        return WantedLine(line.id, line.character, text, fingerprint, manner.voice_key, price, chars)

    def require_deliverable(self) -> None:
        """Raise `UsageError` where a line that was looked at asks for what the provider cannot do; each kind once."""
        if self._undeliverable:
            raise UsageError(
                "; ".join(self._undeliverable[:SHOWN]),
                hint="Correct the sheet; a column that is a note to people may have any other name.",
                problems=self._undeliverable,
            )

    def _manner(self, line: Line) -> Manner:
        language = self.project.language_of(line.id)
        key = line.character, language, line.speed, line.pitch, line.volume, line.emotion
        found = self._manners.get(key)
        if found is None:
            delivery = self.project.delivery(line)
            place = f"{line.file}, row {line.row}, line {line.id}: "
            self._undeliverable.extend(self.market.undeliverable(place, line.delivery))
            found = self._manners[key] = Manner(
                self.market.provider,
                delivery.model,
                self.voice_keys[line.character, language],
                delivery.format,
                delivery.delivery,
            )
        return found


def draw_up(session: Session, account_id: str, submission: Submission, market: Market) -> Plan:
    """Return the plan. Reads the database, writes nothing and calls nobody."""
    project = submission.project
    market.check(project)
    require_consents(project)
    sounds = Sounds.of(submission, market)
    cast = _known_voices(session, account_id, market.provider)
    drawing = _Drawing(session, account_id, sounds, cast, submission)
    with COLLECTIONS.rare():
        lines = LongList(drawing.lines(), _pack, _unpack)
    sounds.require_deliverable()
    wanted_voices = _wanted_voices(submission, market, sounds.voice_keys)
    return Plan(
        production=project.production,
        provider=market.provider,
        voices=plan_voices(wanted_voices, cast, drawing.with_work, only_needed=bool(submission.selection.terms)),
        lines=lines,
        removed=drawing.removed(),
        languages=project.languages,
        with_work=drawing.with_work,
        left_in_review=drawing.left_in_review(),
    )


_ASKS_FOR_NO_VOICE = frozenset((Reason.REUSED, Reason.LEFT_OUT, Reason.RETAKE, Reason.LOCKED_CONFLICT))


class _Drawing:
    """Goes through a sheet once, and learns on the way what has to be known of all lines together."""

    def __init__(
        self,
        session: Session,
        account_id: str,
        sounds: Sounds,
        cast: Mapping[str, KnownVoice],
        submission: Submission,
    ) -> None:
        self._session = session
        self._account_id = account_id
        self._sounds = sounds
        self._unclear = {key for key, voice in cast.items() if voice.state is VoiceState.UNCLEAR}
        production = intake.find_production(session, account_id, sounds.project.production)
        self._production_id = production.id if production else None
        self._selection = self._informed(submission.selection)
        self._refreshing = self._refresher(production) if submission.is_fresh else None
        self._met = 0
        """Lines of the sheet that the production has already."""
        self.with_work: set[str] = set()
        """Keys of the voices that something is to be spoken with."""
        self._left_in_review: dict[str, bool] = {}
        """Whether each line that was selected for being in review, and stays as it is, is locked."""

    def lines(self) -> Iterator[PlannedLine]:
        """Yield what happens to each line of the sheet."""
        planner = LinePlanner(self._unclear, self._selection.takes)
        for page in pages(self._sounds.project.lines, PAGE):
            asked = [self._sounds.wanted(line) for line in page]
            standing = self._standings([line.line_id for line in asked])
            wanted = with_choices(self._session, self._production_id, asked, standing)
            known = {line_id: found.known for line_id, found in standing.items()}
            takes = _take_states(self._session, self._account_id, {line.fingerprint for line in wanted})
            self._met += sum(found.is_on_sheet for found in standing.values())
            planned = planner.plan(wanted, known, takes)
            heeded = [judged(line, ask, standing.get(ask.line_id)) for line, ask in zip(planned, asked, strict=True)]
            if self._refreshing is not None:
                heeded = list(self._refreshing.plan(heeded, asked, standing))
            self.with_work |= {
                ask.voice_key for line, ask in zip(heeded, asked, strict=True) if line.reason not in _ASKS_FOR_NO_VOICE
            }
            self._note_left_in_review(heeded, asked, standing)
            yield from self._told_apart(page, heeded, known)

    def _refresher(self, production: Production | None) -> Refreshing:
        name = self._sounds.project.production
        return Refreshing(self._session, production, name, self._selection.takes, self._unclear)

    def _informed(self, selection: Selection) -> Selection:
        if self._production_id is None or not selection.asks_for_review:
            return selection
        return replace(selection, in_review=lines_in_review(self._session, self._production_id))

    def _note_left_in_review(
        self, planned: Sequence[PlannedLine], asked: Sequence[WantedLine], standing: Mapping[str, Standing]
    ) -> None:
        selection = self._selection
        for line, ask in zip(planned, asked, strict=True):
            is_left = line.reason is Reason.REUSED and ask.line_id in selection.in_review
            if is_left and selection.takes(ask, Reason.REUSED):
                self._left_in_review[ask.line_id] = standing[ask.line_id].is_locked

    def left_in_review(self) -> LeftInReview | None:
        """Return which lines in review are left as they are; asked for after `lines`."""
        if not self._selection.asks_for_review:
            return None
        return LeftInReview(list(self._left_in_review), sum(self._left_in_review.values()))

    def removed(self) -> Sequence[str]:
        """Return the lines that the production has and the sheet has no more; asked for after `lines`.

        What is made of some lines leaves the others as they were, gone or not.
        """
        if self._selection.terms:
            return []
        mine = (LineRow.production_id == self._production_id, LineRow.position > OFF_SHEET)
        total = (
            self._session.scalar(select(func.count()).select_from(LineRow).where(*mine)) if self._production_id else 0
        )
        if total == self._met:
            return []
        here = FirstMet()
        for line in self._sounds.project.lines:
            here.meet(line.id.encode())
        query = select(LineRow.line_id).where(*mine).order_by(LineRow.position).execution_options(yield_per=PAGE)
        gone = (line_id for line_id in self._session.scalars(query) if line_id.encode() not in here)
        return LongList(gone, lambda line_id: (line_id,), str)

    def _told_apart(
        self, page: Sequence[Line], planned: Sequence[PlannedLine], known: Mapping[str, KnownLine]
    ) -> Iterator[PlannedLine]:
        """Yield the lines with what of their delivery has changed; few of a sheet's have, or all."""
        changed = {known[line.line_id].fingerprint for line in planned if line.reason is Reason.DELIVERY}
        before = spoken_before(self._session, self._account_id, changed)
        for line, plan in zip(page, planned, strict=True):
            if plan.reason is Reason.DELIVERY:
                yield told_apart(plan, self._sounds.sound(line), before.get(known[line.id].fingerprint))
            else:
                yield plan

    def _standings(self, line_ids: Sequence[str]) -> dict[str, Standing]:
        return standings(self._session, self._production_id, line_ids) if self._production_id else {}


def require_consents(project: Project) -> None:
    """Raise `ConsentRequired` naming every talent that is cast without leave, and the field that is missing."""
    today = datetime.now(UTC).date()
    gaps: dict[str, str] = {}
    for character, language in project.roles():
        voice = character.voice_in(language)
        if isinstance(voice, ClonedFrom):
            talent = project.talents[voice.talent]
            field = missing_consent(talent, project.production, language, today, character=character.key)
            if field:
                gaps.setdefault(f"talents.{talent.key}.{field}", f"{character.key} in {language}")
    if gaps:
        told = [f"{field} ({role})" if ".scope." in field else field for field, role in gaps.items()]
        raise ConsentRequired(
            f"No voice is cloned or speaks without consent; missing or not covering this: {', '.join(told)}.",
            hint="Fill in what the talent has agreed to; a made-up voice has `synthetic: true` and a statement.",
            fields=list(gaps),
        )


def voice_key(submission: Submission, voice: VoiceSource) -> str:
    """Return the key of a voice: what it is made of."""
    match voice:
        case ClonedFrom(talent=key):
            talent = submission.project.talents[key]
            return cloned_key(reference_identity(submission.reference_sha256(talent), talent.trim))
        case Designed(description=description, gender=gender, age_group=age_group):
            return designed_key(description, gender, age_group)
        case SystemVoice(id=voice_id):
            return system_key(voice_id)


def _pack(line: PlannedLine) -> tuple[object, ...]:
    return (*line[:2], str(line.reason), *line[3:])


def _unpack(line_id: str, character: str, reason: str, *others: Any) -> PlannedLine:  # noqa: ANN401 - what `_pack` has made
    return PlannedLine(line_id, character, _REASONS[reason], *others)


_REASONS = {reason.value: reason for reason in Reason}


def _take_states(session: Session, account_id: str, fingerprints: Iterable[str]) -> dict[str, TakeState]:
    query = select(Take.fingerprint, Take.state, Take.run_id)
    rows = session.execute(query.where(Take.account_id == account_id, Take.fingerprint.in_(fingerprints))).all()
    unstarted = set(session.scalars(intake.unstarted())) if any(row.state in OPEN for row in rows) else set()
    # What a run was to make whose start was never finished stands still and is paid for by nobody.
    return {sha: TakeState.BLOCKED if state in OPEN and run in unstarted else state for sha, state, run in rows}


def _known_voices(session: Session, account_id: str, provider: str) -> dict[str, KnownVoice]:
    query = select(Voice.key, Voice.kind, Voice.state, Voice.problem, Voice.message, Voice.run_id)
    rows = session.execute(query.where(Voice.account_id == account_id, Voice.provider == provider)).all()
    unstarted = set(session.scalars(intake.unstarted()))
    return {
        # A system voice cannot be made again; whether it is back shows when it is asked to speak.
        row.key: KnownVoice(
            VoiceState.FAILED if row.state is VoiceState.WANTED and row.run_id in unstarted else row.state,
            row.message,
            row.problem == GONE and row.kind is not VoiceKind.SYSTEM,
        )
        for row in rows
    }


Role: TypeAlias = tuple[Character, str]
"""A character, and a language it speaks."""


def roles_by_voice(submission: Submission, keys: Mapping[tuple[str, str], str]) -> dict[str, list[Role]]:
    """Return for each voice of the cast, by its key, who speaks with it in which language."""
    cast: dict[str, list[Role]] = {}
    for character, language in submission.project.roles():
        cast.setdefault(keys[character.key, language], []).append((character, language))
    return cast


def _wanted_voices(submission: Submission, market: Market, keys: Mapping[tuple[str, str], str]) -> list[WantedVoice]:
    cast = roles_by_voice(submission, keys)
    return [_wanted_voice(submission.project, market, key, roles) for key, roles in cast.items()]


def _wanted_voice(project: Project, market: Market, key: str, roles: Sequence[Role]) -> WantedVoice:
    prices = market.prices
    character, language = roles[0]
    kind, source, price = _describe(project, character.voice_in(language), market)
    model = character.model or project.settings.model
    return WantedVoice(
        key=key,
        kind=kind,
        characters=list(dict.fromkeys(role.key for role, _ in roles)),
        source=source,
        price=price,
        audition_price=prices.speech(model, len(ACTIVATION_LINE)) if kind is not VoiceKind.SYSTEM else 0,
    )


def _describe(project: Project, voice: VoiceSource, market: Market) -> tuple[VoiceKind, str, int]:
    match voice:
        case ClonedFrom(talent=key):
            return VoiceKind.CLONED, project.talents[key].reference, market.prices.clone_micros
        case Designed(description=description):
            return VoiceKind.DESIGNED, description, market.prices.design_micros
        case SystemVoice(id=voice_id):
            return VoiceKind.SYSTEM, voice_id, 0
