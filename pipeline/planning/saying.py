"""One text spoken once, beside the sheet: to hear how a character says a word before a production is spoken."""

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import Conflict, UsageError
from pipeline.intake import service as intake
from pipeline.intake.models import Run
from pipeline.intake.rules import Line, Project, Refusal, require_pauses, spoken_text
from pipeline.intake.rules.pauses import has_pauses
from pipeline.intake.rules.problems import did_you_mean, listed
from pipeline.intake.rules.values import plain_text
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Account
from pipeline.planning.budget import refusal, run_cap
from pipeline.planning.casting import want_voices
from pipeline.planning.drawing import Sounds, Submission, draw_up
from pipeline.planning.leave import require_leave
from pipeline.planning.market import Market
from pipeline.planning.rules import Plan, PlannedLine
from pipeline.planning.selecting import Selection, as_hint
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import LINE_PRIORITIES, Priority, TakeState

LINE_ID = ".say"
"""No line of a sheet is called so, and none of a production: what is said so is in no history and no pack."""
REASON = "say"


@dataclass(frozen=True)
class Wish:
    """What is to be said, by which character, and in which language; without one, in the source language."""

    text: str
    character: str
    language: str | None = None


@dataclass(frozen=True)
class Saying:
    """What would be spoken and what it costs; `take` is there where it was spoken before."""

    submission: Submission
    plan: Plan
    said: str
    take: Take | None

    @property
    def line(self) -> PlannedLine:
        """The one line of the plan."""
        return self.plan.lines[0]


def draw(session: Session, account_id: str, whole: Submission, wish: Wish, market: Market) -> Saying:
    """Return what saying it takes; raises `UsageError` where the project has no such character or language.

    Raises `ConsentRequired` where the talent has not agreed, or is suspended.
    """
    one = _alone(whole, wish)
    plan = draw_up(session, account_id, one, market)
    require_leave(session, account_id, one, plan)
    mine = (Take.account_id == account_id, Take.fingerprint == plan.lines[0].fingerprint, Take.state == TakeState.DONE)
    return Saying(one, plan, one.project.said(one.project.lines[0]), session.scalar(select(Take).where(*mine)))


def apply(
    session: Session,
    account_id: str,
    whole: Submission,
    wish: Wish,
    market: Market,
    *,
    agreed: str | None,
    budget: int | None,
) -> Run:
    """Start a run that says it, all in this transaction; raises `Conflict` where the price is not that agreed to.

    The production is declared where there is none; it gets no line. Raises `BudgetExceeded` as a run of a sheet.
    """
    session.get_one(Account, account_id, with_for_update=True)
    saying = draw(session, account_id, whole, wish, market)
    if agreed is not None and agreed != saying.plan.digest():
        raise Conflict("What exists has changed since the price was shown.", hint="Say it again.")
    intake.require_none_preparing(session, account_id)
    cap = run_cap(whole.project, budget)
    if refused := refusal(session, account_id, saying.plan, cap):
        raise refused
    production = intake.find_production(session, account_id, whole.project.production)
    production = production or intake.declare_production(session, account_id, whole.project)
    run = intake.open_run(session, production, plan_digest=saying.plan.digest(), estimate=saying.plan.price)
    ledger.open_budget(session, run.id, account_id, cap)
    _want(session, run, saying, market)
    speech.dispatch(session, market.provider)
    speech.close_runs(session)
    return run


def _want(session: Session, run: Run, saying: Saying, market: Market) -> None:
    project, sounds = saying.submission.project, Sounds.of(saying.submission, market)
    sound = sounds.sound(project.lines[0])
    cast = want_voices(session, run, saying.submission, market, saying.plan)
    if sound.voice_key in cast and saying.take is None:
        wanted = speech.WantedTake(
            sound,
            cast[sound.voice_key],
            REASON,
            sounds.price(sound),
            project.language,
            project.production,
            priority=LINE_PRIORITIES[Priority.FIRST],  # somebody waits for it
        )
        speech.want(session, run, [wanted])


def _alone(whole: Submission, wish: Wish) -> Submission:
    """Return a submission of this one line, in the language that is meant."""
    project = whole.project
    language = _language(project, wish.language)
    if wish.character not in project.characters:
        known = list(project.characters)
        hint = as_hint(did_you_mean(wish.character, known)) or f"There are: {listed(known)}."
        raise UsageError(f"The project has no character {wish.character}.", hint=hint)
    character = project.characters[wish.character]
    alone = replace(
        project,
        language=language,
        languages=(language,),
        characters={wish.character: replace(character, voice=character.voice_in(language), voices={})},
        lines=(Line(LINE_ID, wish.character, _text(wish.text)),),
        translated={},
        missing={},
    )
    return Submission(alone, whole.references, Selection.of([f"line:{LINE_ID}"], alone))


def _language(project: Project, asked: str | None) -> str:
    known = project.languages or (project.language,)
    if asked is not None and asked not in known:
        raise UsageError(f"The project has no lines in {asked}.", hint=f"There are: {listed(known)}.")
    return asked or project.language


def _text(text: str) -> str:
    try:
        plain = plain_text(text)
        if has_pauses(plain):
            require_pauses(plain)
    except Refusal as refused:
        told = "; allowed: ".join(filter(None, (refused.message, refused.allowed)))
        raise UsageError(f"This cannot be said: {told}.", hint=as_hint(refused.hint)) from refused
    if not any(map(str.isalnum, spoken_text(plain))):
        raise UsageError("There is nothing to say: no letter and no digit.", hint="Write a word or a sentence.")
    return plain
