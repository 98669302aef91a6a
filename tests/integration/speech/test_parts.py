"""A text above the provider's limit is spoken in parts, each paid for once, and joined."""

import io
import wave

import pytest
from sqlalchemy import select, update

from pipeline.intake.models import Run
from pipeline.ledger.models import Budget, Transfer
from pipeline.provider.errors import Ambiguous, NotSent, ProviderError, RateLimited, Refused
from pipeline.speech import service as speech
from pipeline.speech.models import Take
from pipeline.speech.rules import TakeState, part_key
from pipeline.storage.port import ObjectExists, StorageError, StoreUnavailable
from tests.integration.speech.takes import begin, claim
from tests.support import factories
from tests.support.databases import on_sqlite
from tests.support.fakes import CAPABILITIES, tone
from tests.support.fakes import speech as answer
from tests.support.stage import TIMEOUT_SECONDS, Stage

pytestmark = on_sqlite

PARTS = ("I have walked for seven long days.", "I have slept in the snow and in barns.", "Now open this gate!")
TEXT = " ".join(PARTS)
PRICES = [100 * len(part) for part in PARTS]


@pytest.fixture
def text() -> str:
    return TEXT


def look(stage: Stage, take_id: str) -> Take:
    with stage.database.read() as session:
        return session.get_one(Take, take_id)


def spent(stage: Stage) -> list[int]:
    with stage.database.read() as session:
        return list(session.scalars(select(Transfer.amount).order_by(Transfer.id)))


def stored_parts(stage: Stage, take_id: str) -> list[int]:
    row = look(stage, take_id)
    keys = {number: part_key(row.account_id, row.fingerprint, "wav", number) for number in range(len(PARTS))}
    return [number for number, key in keys.items() if stage.store.head(key)]


def length(audio: bytes) -> float:
    with wave.open(io.BytesIO(audio)) as file:
        return float(file.getnframes() / file.getframerate())


def test_the_parts_are_spoken_in_order_and_joined_into_one_file(stage: Stage, take: str) -> None:
    stage.provider.will_speak(*(answer(part, audio=tone(0.2)) for part in PARTS))
    stage.work()
    done = look(stage, take)
    assert tuple(stage.provider.spoken) == PARTS
    assert done.state is TakeState.DONE
    assert length(stage.store.get(done.object_key or "")) == pytest.approx(3 * 0.2 + 2 * 0.2, abs=0.01)
    assert done.seconds == pytest.approx(1.0, abs=0.01)


def test_a_text_in_parts_is_one_charge(stage: Stage, take: str) -> None:
    stage.work()
    assert spent(stage) == [sum(PRICES)]
    assert look(stage, take).chars == sum(len(part) for part in PARTS)
    assert stored_parts(stage, take) == []


@pytest.mark.parametrize(
    ("error", "state", "first_charge"),
    [
        (NotSent("refused"), TakeState.READY, PRICES[0]),
        (RateLimited("slow down"), TakeState.READY, PRICES[0]),
        (Refused("not this"), TakeState.FAILED, PRICES[0]),
        (Ambiguous("reset"), TakeState.READY, None),
    ],
)
def test_what_was_spoken_before_a_part_failed_is_on_the_books(
    stage: Stage, take: str, error: ProviderError, state: TakeState, first_charge: int | None
) -> None:
    stage.provider.will_speak(answer(PARTS[0]), error)
    stage.hand_on()
    missed = look(stage, take)
    assert (missed.state, missed.error_kind) == (state, error.kind)
    assert spent(stage) == ([] if first_charge is None else [first_charge])
    with stage.database.read() as session:
        held = session.get_one(Budget, missed.run_id).held
    assert held == (missed.estimate if first_charge is None else 0)


def test_parts_that_are_stored_are_not_spoken_again(stage: Stage, take: str) -> None:
    stage.provider.will_speak(answer(PARTS[0]), answer(PARTS[1]), NotSent("refused"))
    stage.hand_on()
    assert stored_parts(stage, take) == [0, 1]
    stage.settle_down(2)
    assert list(stage.provider.spoken) == [*PARTS, PARTS[2]]
    assert look(stage, take).state is TakeState.DONE
    assert spent(stage) == [PRICES[0] + PRICES[1], PRICES[2]]
    assert look(stage, take).cost == sum(PRICES)


def test_a_killed_workers_parts_serve_the_next_attempt(stage: Stage, take: str) -> None:
    claim(stage, take)
    row = look(stage, take)
    key = part_key(row.account_id, row.fingerprint, "wav", 0)
    stage.store.put(key, tone(), content_type="audio/wav", metadata={"seconds": "0.100"})
    stage.kill_worker()
    stage.sweep()
    with stage.database.write() as session:
        factories.revive(session, stage.edge.holder)
    stage.settle_down(2)
    assert tuple(stage.provider.spoken) == PARTS[1:]
    done = look(stage, take)
    assert (done.state, done.cost) == (TakeState.DONE, done.estimate + PRICES[1] + PRICES[2])


def test_a_part_that_a_twin_has_stored_meanwhile_is_no_failure(
    stage: Stage, take: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = stage.store.put

    def lose_the_race(key: str, *args: object, **options: object) -> None:
        if ".part" in key:
            raise ObjectExists(key)
        put(key, *args, **options)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr(stage.store, "put", lose_the_race)
    stage.work()
    assert (look(stage, take).state, spent(stage)) == (TakeState.DONE, [sum(PRICES)])


@pytest.mark.parametrize("method", ["head", "get", "put"])
def test_an_outage_of_the_bucket_between_two_parts_loses_no_charge(
    stage: Stage, take: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    stage.provider.will_speak(answer(PARTS[0]), NotSent("refused"))
    stage.hand_on()
    with stage.database.write() as session:
        session.execute(update(Take).values(not_before=0))
        speech.dispatch(session, "stage")
    working = getattr(stage.store, method)

    def fail_for_parts(key: str, *args: object, **options: object) -> object:
        if ".part" in key:
            raise StoreUnavailable(key)
        return working(key, *args, **options)

    monkeypatch.setattr(stage.store, method, fail_for_parts)
    stage.run("speech.speak", take)
    monkeypatch.undo()
    charged = PRICES[:2] if method == "put" else PRICES[:1]
    assert spent(stage) == charged
    assert look(stage, take).state is TakeState.READY
    stage.settle_down(3)
    assert look(stage, take).state is TakeState.DONE


def test_parts_that_cannot_be_cleared_away_are_left(stage: Stage, take: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise StorageError("read only")

    monkeypatch.setattr(stage.store, "delete", refuse)
    stage.work()
    assert look(stage, take).state is TakeState.DONE


def test_parts_that_do_not_fit_together_fail_with_their_cost(stage: Stage, take: str) -> None:
    stage.provider.will_speak(answer(PARTS[0]), answer(PARTS[1], audio=_in_stereo()))
    stage.settle_down(5)
    failed = look(stage, take)
    assert (failed.state, failed.error_kind) == (TakeState.FAILED, "audio_rejected")
    assert "cannot be joined" in (failed.error or "")
    assert failed.cost == sum(PRICES)
    assert len(stage.provider.speech_calls) == 3


def test_between_the_parts_the_pace_is_kept(stage: Stage, take: str) -> None:
    waits = []
    with stage.database.glance() as connection:
        job = speech.job(connection, take, max_chars=CAPABILITIES.max_chars)
    assert job is not None
    keeper = stage.keeper(job, speech.Claim(1))
    speech.call(stage.provider, keeper, lambda _: waits.append(len(stage.provider.speech_calls)))
    assert waits == [1, 2]


def test_the_lease_is_as_long_as_all_parts_may_take(stage: Stage, take: str) -> None:
    with stage.database.glance() as connection:
        job = speech.job(connection, take, max_chars=CAPABILITIES.max_chars)
    assert job is not None
    assert job.parts == PARTS
    assert begin(stage, job) is not None
    claimed = look(stage, take)
    assert (claimed.lease_until or 0) - claimed.created_at > 3 * TIMEOUT_SECONDS * 1000
    with stage.database.read() as session:
        assert session.get_one(Run, claimed.run_id).reason is None


def _in_stereo() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(b"\x00\x10\x00\xf0" * 800)
    return target.getvalue()
