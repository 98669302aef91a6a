"""Rows for tests: a test names what it is about, the rest has a plausible value."""

import hashlib
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from pipeline.db import leases, limits
from pipeline.db.ids import new_id
from pipeline.delivery import Delivery
from pipeline.intake import service as intake
from pipeline.intake.models import Production, Run
from pipeline.intake.rules import (
    Character,
    ClonedFrom,
    Consent,
    Designed,
    Line,
    Project,
    QualitySettings,
    Settings,
    SystemVoice,
    Talent,
)
from pipeline.ledger import service as ledger
from pipeline.ledger.accounts import create_account
from pipeline.ledger.models import Account
from pipeline.planning.market import Market
from pipeline.planning.service import Submission
from pipeline.provider.port import Prices
from pipeline.references import service as references
from pipeline.references.models import Reference, ReferenceState
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import Sound
from pipeline.voices import service as voices
from pipeline.voices.models import Voice
from pipeline.voices.rules import VoiceKind, cloned_key, system_key
from tests.support.fakes import CAPABILITIES, PRICES, PROVIDER

LANGUAGE = "en"
_numbers = itertools.count(1)


def sha256(name: str) -> str:
    """Return the hash of a name, for what is known by its hash."""
    return hashlib.sha256(name.encode()).hexdigest()


def account(session: Session, *, cap: int | None = None, name: str | None = None) -> Account:
    """Open an account; `cap` in micro-dollars."""
    return create_account(session, name or f"studio-{next(_numbers)}", cap=cap)


def account_of(session: Session, account_id: str) -> Account:
    """Return the account of that id."""
    return session.get_one(Account, account_id)


def production(session: Session, owner: Account, name: str = "game") -> Production:
    """Declare a production, or return the one of that name."""
    return intake.declare_production(session, owner.id, project(production=name))


def run(session: Session, owner: Account, *, cap: int | None = None, name: str = "game") -> Run:
    """Start a run with a budget of its own; `cap` in micro-dollars."""
    started = intake.open_run(session, production(session, owner, name), plan_digest=sha256("plan"), estimate=0)
    ledger.open_budget(session, started.id, owner.id, cap)
    return started


def reference(session: Session, owner: Account, name: str = "mara", *, ready: bool = True) -> Reference:
    """Take in a recording; a ready one has its normalised form."""
    digest = sha256(name)
    found = references.declare(
        session, account_id=owner.id, sha256=digest, filename=f"{name}.wav", object_key=f"submissions/{digest}"
    )
    if ready:
        found.state = ReferenceState.READY
        found.normalised_key, found.normalised_mime = f"references/{digest}.wav", "audio/wav"
        session.flush()
    return found


def talent(name: str = "mara", **consent: Any) -> Talent:
    """Return a talent; without a word about consent it is nobody's voice, and free to use."""
    record = Consent(**(consent or {"synthetic": True, "statement": "Nobody's voice."}))
    return Talent(key=name, name=name.title(), reference=f"references/{name}.wav", consent=record)


def wanted_clone(session: Session, owner: Account, name: str = "mara", *, ready: bool = True) -> voices.WantedVoice:
    """Return the wish for a voice cloned from a recording."""
    return voices.WantedVoice(
        key=cloned_key(sha256(name)),
        kind=VoiceKind.CLONED,
        label=name,
        model=CAPABILITIES.clone_model,
        reference_id=reference(session, owner, name, ready=ready).id,
        consent_id=references.declare_consent(session, owner.id, talent(name)).id,
    )


def voice(session: Session, started: Run, name: str = "mara", *, ready: bool = True) -> Voice:
    """Ask for a cloned voice on a run's money; `ready` is about its recording."""
    owner = session.get_one(Account, started.account_id)
    wish = wanted_clone(session, owner, name, ready=ready)
    return voices.want(session, account_id=owner.id, provider=PROVIDER, run_id=started.id, wanted=wish)


def system_voice(session: Session, started: Run, name: str = "narrator") -> Voice:
    """Cast a voice that needs no making."""
    wish = voices.WantedVoice(key=system_key(name), kind=VoiceKind.SYSTEM, label=name, provider_voice_id=name)
    return voices.want(session, account_id=started.account_id, provider=PROVIDER, run_id=started.id, wanted=wish)


def wanted_take(of: Voice, text: str = "Who goes there?", **change: Any) -> speech.WantedTake:
    """Return the wish for a take of a voice."""
    model = next(iter(PRICES.speech_micros_per_million_chars))
    sound = Sound(PROVIDER, model, of.key, text, "wav", Delivery(speed=1.0))
    wish = speech.WantedTake(
        sound=sound,
        voice=of,
        reason="new",
        estimate=PRICES.speech(model, len(text)),
        language=LANGUAGE,
        production_name="game",
    )
    return wish._replace(**change)


def take(session: Session, started: Run, of: Voice, text: str = "Who goes there?", **change: Any) -> Take:
    """Ask for a take on a run's money."""
    wish = wanted_take(of, text, **change)
    speech.want(session, started, [wish])
    found = session.query(Take).filter_by(account_id=started.account_id, fingerprint=wish.sound.fingerprint())
    return found.one()


def open_limits(session: Session, *, concurrent: int = 8, per_minute: int = 6_000_000) -> None:
    """Let the provider be called: a pace of a millisecond unless told otherwise."""
    limits.set_limits(session, PROVIDER, concurrent=concurrent, per_minute=per_minute)


def worker(session: Session) -> str:
    """Register a worker instance that lives."""
    return leases.join(session)


def bury(session: Session, holder: str) -> None:
    """Let a worker instance be dead."""
    found = session.get_one(leases.Instance, holder)
    found.beat_at = 0
    session.flush()


def revive(session: Session, holder: str) -> None:
    """Let a worker instance live."""
    assert leases.beat(session, holder)


@dataclass(frozen=True)
class Sheet:
    """A project in the making: characters by key with their voices, lines by id with who speaks and what."""

    characters: dict[str, Character] = field(default_factory=dict)
    talents: dict[str, Talent] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()

    def cloned(self, key: str, *, of: str | None = None, consent: Talent | None = None, **options: Any) -> "Sheet":
        """Add a character whose voice is cloned."""
        who = of or key
        role = Character(key=key, name=key.title(), voice=ClonedFrom(who), **options)
        known = {**self.talents, who: consent or talent(who)}
        return replace(self, characters={**self.characters, key: role}, talents=known)

    def system(self, key: str, voice_id: str = "narrator", **options: Any) -> "Sheet":
        """Add a character with a voice that needs no making."""
        role = Character(key=key, name=key.title(), voice=SystemVoice(voice_id), **options)
        return replace(self, characters={**self.characters, key: role})

    def designed(self, key: str, description: str, **options: Any) -> "Sheet":
        """Add a character whose voice is made from a description."""
        role = Character(key=key, name=key.title(), voice=Designed(description), **options)
        return replace(self, characters={**self.characters, key: role})

    def says(self, character: str, *texts: str, **options: Any) -> "Sheet":
        """Add lines, each with the next number as its id."""
        start = len(self.lines) + 1
        new = (Line(f"line_{start + n}", character, text, **options) for n, text in enumerate(texts))
        return replace(self, lines=(*self.lines, *new))

    def project(self, **change: Any) -> Project:
        """Return the project."""
        return project(characters=self.characters, talents=self.talents, lines=self.lines, **change)

    def submission(self, **change: Any) -> Submission:
        """Return the project with its recordings."""
        recordings = {who.reference: sha256(who.key) for who in self.talents.values()}
        return Submission(self.project(**change), recordings)


def project(**change: Any) -> Project:
    """Return a project without a cast."""
    values: dict[str, Any] = {
        "production": "game",
        "title": "The Game",
        "language": LANGUAGE,
        "settings": Settings(model=CAPABILITIES.speech_models[0], format="wav"),
        "budget_micros": None,
        "talents": {},
        "characters": {},
        "lines": (),
        "columns": (),
        "files": (),
        "encodings": {},
        "quality": QualitySettings(check=False),  # a test of the quality gate turns it on
    }
    return Project(**{**values, **change})


def market(prices: Prices = PRICES) -> Market:
    """Return what the scripted provider sells."""
    return Market(PROVIDER, CAPABILITIES, prices)


def an_id(prefix: str = "row") -> str:
    """Return an id of no row."""
    return new_id(prefix)
