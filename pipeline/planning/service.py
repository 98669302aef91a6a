"""Plan and apply: what would be cloned, what would be spoken, why, at what price; and then exactly that."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import Conflict, ConsentRequired, UsageError
from pipeline.intake import service as intake
from pipeline.intake.models import Line as LineRow
from pipeline.intake.models import Run
from pipeline.intake.rules import (
    Character,
    ClonedFrom,
    Designed,
    Line,
    Project,
    SystemVoice,
    Talent,
    missing_consent,
    spoken_text,
)
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account
from pipeline.ledger.money import BudgetMode
from pipeline.planning.budget import refusal, run_cap
from pipeline.planning.market import Market
from pipeline.planning.rules import (
    KnownLine,
    KnownVoice,
    Plan,
    PlannedLine,
    Reason,
    WantedLine,
    WantedVoice,
    plan_lines,
    plan_voices,
)
from pipeline.references import service as references
from pipeline.references.rules import upload_key
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import Sound, TakeState
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import ACTIVATION_LINE, GONE, VoiceKind, VoiceState, cloned_key, designed_key, system_key

LOOKUP_BATCH = 1_000


@dataclass(frozen=True)
class Submission:
    """A project and the SHA-256 of each of its reference recordings, by path."""

    project: Project
    references: Mapping[str, str]

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
class _Part:
    """A line of the sheet with the sound it asks for."""

    line: Line
    sound: Sound
    fingerprint: str
    price: int


def draw_up(session: Session, account_id: str, submission: Submission, market: Market) -> Plan:
    """Return the plan. Reads the database, writes nothing and calls nobody."""
    project = submission.project
    market.check(project)
    require_consents(project)
    voice_keys = {key: _voice_key(submission, character) for key, character in project.characters.items()}
    parts = _parts(project, market, voice_keys)
    production = intake.find_production(session, account_id, project.production)
    known = _known_lines(session, production.id) if production else {}
    takes = _take_states(session, account_id, {part.fingerprint for part in parts})
    cast = _known_voices(session, account_id, market.provider)
    unclear = {key for key, voice in cast.items() if voice.state is VoiceState.UNCLEAR}
    lines = plan_lines((_wanted_line(part) for part in parts), known, takes, unclear)
    here = {part.line.id for part in parts}
    return Plan(
        production=project.production,
        provider=market.provider,
        voices=plan_voices(_wanted_voices(submission, market, voice_keys), cast, _with_work(parts, lines)),
        lines=lines,
        removed=[line_id for line_id in known if line_id not in here],
    )


def require_consents(project: Project) -> None:
    """Raise `ConsentRequired` naming every talent that is cast without leave, and the field that is missing."""
    today = datetime.now(UTC).date()
    gaps = {}
    for character in project.characters.values():
        if isinstance(character.voice, ClonedFrom):
            talent = project.talents[character.voice.talent]
            field = missing_consent(talent, project.production, project.language, today, character=character.key)
            if field:
                gaps[talent.key] = f"talents.{talent.key}.{field}"
    if gaps:
        raise ConsentRequired(
            f"No voice is cloned without consent; missing or not covering this production: {', '.join(gaps.values())}.",
            hint="Fill in what the talent has agreed to; a made-up voice has `synthetic: true` and a statement.",
            fields=list(gaps.values()),
        )


def apply(
    session: Session,
    account_id: str,
    submission: Submission,
    market: Market,
    *,
    agreed: str | None,
    budget: int | None,
    mode: BudgetMode = BudgetMode.HARD,
) -> Run:
    """Start a run of the plan, all in this transaction; raises `Conflict` where it is not the plan agreed to.

    `agreed` is the digest of the plan the caller has seen, `budget` the cap in micro-dollars. Raises `BudgetExceeded`
    where a cap has less left than the plan costs and `mode` is hard.
    """
    session.get_one(Account, account_id, with_for_update=True)  # two runs of an account are planned one after the other
    plan = draw_up(session, account_id, submission, market)
    if agreed is not None and agreed != plan.digest():
        raise Conflict(
            "The sheet or what exists has changed since this plan was made.",
            hint="Plan again, then apply.",
        )
    project = submission.project
    cap = run_cap(project, budget)
    refused = refusal(session, account_id, plan, cap) if mode is BudgetMode.HARD else None
    if refused is not None:
        raise refused
    production = intake.declare_production(session, account_id, project)
    run = intake.open_run(session, production, plan_digest=plan.digest(), estimate=plan.price)
    ledger.open_budget(session, run.id, account_id, cap)
    reused = {voice.key for voice in plan.voices if voice.reason is Reason.REUSED}
    cast = {
        key: _want_voice(session, run, submission, market, character, reused)
        for key, character in project.characters.items()
    }
    parts = _parts(project, market, {key: voice.key for key, voice in cast.items()})
    intake.declare_lines(session, production.id, (_line_row(number, part) for number, part in enumerate(parts)))
    speech.want(session, run, _wanted_takes(project, plan.lines, parts, cast))
    speech.dispatch(session, market.provider)
    speech.close_runs(session)
    return run


def _parts(project: Project, market: Market, voice_keys: Mapping[str, str]) -> list[_Part]:
    return [_part(project, market, voice_keys[line.character], line) for line in project.lines]


def _part(project: Project, market: Market, voice_key: str, line: Line) -> _Part:
    delivery = project.delivery(line)
    sound = Sound(
        provider=market.provider,
        model=delivery.model,
        voice_key=voice_key,
        text=spoken_text(line.text),
        format=delivery.format,
        speed=delivery.speed,
    )
    return _Part(line, sound, sound.fingerprint(), market.prices.speech(sound.model, len(sound.text)))


def _wanted_line(part: _Part) -> WantedLine:
    return WantedLine(
        line_id=part.line.id,
        character=part.line.character,
        text=part.sound.text,
        fingerprint=part.fingerprint,
        voice_key=part.sound.voice_key,
        price=part.price,
    )


def _line_row(position: int, part: _Part) -> dict[str, object]:
    return {
        "line_id": part.line.id,
        "position": position,
        "character": part.line.character,
        "text": part.line.text,
        "direction": part.line.direction,
        "extras": dict(part.line.extras),
        "fingerprint": part.fingerprint,
        "voice_key": part.sound.voice_key,
    }


def _known_lines(session: Session, production_id: str) -> dict[str, KnownLine]:
    query = select(LineRow.line_id, LineRow.fingerprint, LineRow.voice_key, LineRow.text)
    rows = session.execute(query.where(LineRow.production_id == production_id))
    return {row.line_id: KnownLine(row.fingerprint, row.voice_key, spoken_text(row.text)) for row in rows}


def _take_states(session: Session, account_id: str, fingerprints: Iterable[str]) -> dict[str, TakeState]:
    wanted = list(fingerprints)
    states: dict[str, TakeState] = {}
    for start in range(0, len(wanted), LOOKUP_BATCH):
        batch = wanted[start : start + LOOKUP_BATCH]
        query = select(Take.fingerprint, Take.state).where(Take.account_id == account_id, Take.fingerprint.in_(batch))
        states.update({row.fingerprint: row.state for row in session.execute(query)})
    return states


def _known_voices(session: Session, account_id: str, provider: str) -> dict[str, KnownVoice]:
    query = select(Voice.key, Voice.kind, Voice.state, Voice.problem, Voice.message)
    rows = session.execute(query.where(Voice.account_id == account_id, Voice.provider == provider))
    return {
        # A system voice cannot be made again; whether it is back shows when it is asked to speak.
        row.key: KnownVoice(row.state, row.message, row.problem == GONE and row.kind is not VoiceKind.SYSTEM)
        for row in rows
    }


def _with_work(parts: Iterable[_Part], planned: Iterable[PlannedLine]) -> set[str]:
    """Return the keys of the voices that something is to be spoken with."""
    return {part.sound.voice_key for part, line in zip(parts, planned, strict=True) if line.reason is not Reason.REUSED}


def _voice_key(submission: Submission, character: Character) -> str:
    match character.voice:
        case ClonedFrom(talent=key):
            return cloned_key(submission.reference_sha256(submission.project.talents[key]))
        case Designed(description=description, gender=gender, age_group=age_group):
            return designed_key(description, gender, age_group)
        case SystemVoice(id=voice_id):
            return system_key(voice_id)


def _wanted_voices(submission: Submission, market: Market, keys: Mapping[str, str]) -> list[WantedVoice]:
    cast: dict[str, list[Character]] = {}
    for key, character in submission.project.characters.items():
        cast.setdefault(keys[key], []).append(character)
    return [_wanted_voice(submission.project, market, key, roles) for key, roles in cast.items()]


def _wanted_voice(project: Project, market: Market, key: str, roles: Sequence[Character]) -> WantedVoice:
    prices = market.prices
    kind, source, price = _describe(project, roles[0], market)
    model = roles[0].model or project.settings.model
    return WantedVoice(
        key=key,
        kind=kind,
        characters=[role.key for role in roles],
        source=source,
        price=price,
        audition_price=prices.speech(model, len(ACTIVATION_LINE)) if kind is not VoiceKind.SYSTEM else 0,
    )


def _describe(project: Project, character: Character, market: Market) -> tuple[VoiceKind, str, int]:
    match character.voice:
        case ClonedFrom(talent=key):
            return VoiceKind.CLONED, project.talents[key].reference, market.prices.clone_micros
        case Designed(description=description):
            return VoiceKind.DESIGNED, description, market.prices.design_micros
        case SystemVoice(id=voice_id):
            return VoiceKind.SYSTEM, voice_id, 0


def _want_voice(
    session: Session,
    run: Run,
    submission: Submission,
    market: Market,
    character: Character,
    reused: Collection[str],
) -> Voice:
    wanted = _voice_wish(session, run.account_id, submission, market, character)
    found = voices.find(session, run.account_id, market.provider, wanted.key) if wanted.key in reused else None
    # One that the provider no longer has and that has nothing more to say would be made again by asking for it.
    return found or voices.want(
        session, account_id=run.account_id, provider=market.provider, run_id=run.id, wanted=wanted
    )


def _voice_wish(
    session: Session, account_id: str, submission: Submission, market: Market, character: Character
) -> voices.WantedVoice:
    key = _voice_key(submission, character)
    match character.voice:
        case ClonedFrom(talent=talent_key):
            talent = submission.project.talents[talent_key]
            sha256 = submission.reference_sha256(talent)
            reference = references.declare(
                session,
                account_id=account_id,
                sha256=sha256,
                filename=talent.reference,
                object_key=upload_key(account_id, sha256),
            )
            return voices.WantedVoice(
                key=key,
                kind=VoiceKind.CLONED,
                label=talent.key,
                model=market.capabilities.clone_model,
                reference_id=reference.id,
                consent_id=references.declare_consent(session, account_id, talent).id,
            )
        case Designed(description=description, gender=gender, age_group=age_group):
            return voices.WantedVoice(
                key=key,
                kind=VoiceKind.DESIGNED,
                label=character.key,
                model=market.capabilities.design_model,
                description=description,
                gender=gender,
                age_group=age_group,
            )
        case SystemVoice(id=voice_id):
            return voices.WantedVoice(key=key, kind=VoiceKind.SYSTEM, label=voice_id, provider_voice_id=voice_id)


def _wanted_takes(
    project: Project, planned: Iterable[PlannedLine], parts: Iterable[_Part], cast: Mapping[str, Voice]
) -> Iterable[speech.WantedTake]:
    for line, part in zip(planned, parts, strict=True):
        if line.reason not in {Reason.REUSED, Reason.SHARED}:
            yield speech.WantedTake(
                sound=part.sound,
                voice=cast[part.line.character],
                reason=line.reason,
                estimate=part.price,
                language=project.language,
                production_name=project.production,
            )
