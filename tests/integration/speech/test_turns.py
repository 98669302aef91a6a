"""Whose takes are sent: fair shares between accounts, weights, caps, and runs that a person holds up."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.db.clock import now_ms
from pipeline.intake.models import Run
from pipeline.ledger.models import Account
from pipeline.speech import service as speech
from pipeline.speech.models import Take, Turn, Window
from pipeline.speech.rules import IN_WINDOW, TakeKind, TakeState
from pipeline.speech.service import dispatching
from pipeline.speech.service.turns import Next
from pipeline.voices.models import Voice
from tests.support import factories
from tests.support.fakes import PROVIDER
from tests.support.stage import AN_HOUR_MS, Stage

WINDOW = 16


def start(stage: Stage, name: str, count: int, **account: int) -> str:
    """Start a run of lines in an account of its own, and return the account's id."""
    with stage.edge.write() as session:
        owner = factories.account(session, name=name)
        for column, value in account.items():
            setattr(owner, column, value)
        begin_run(session, owner, count)
        return owner.id


def begin_run(session: Session, owner: Account, count: int, said: str = "Line") -> str:
    started = factories.run(session, owner, name=said.lower())
    voice = factories.system_voice(session, started)
    speech.want(session, started, [factories.wanted_take(voice, f"{said} {number:03}.") for number in range(count)])
    return started.id


def begin_another(stage: Stage, account_id: str, count: int) -> str:
    """Start another run in an account."""
    with stage.edge.write() as session:
        return begin_run(session, factories.account_of(session, account_id), count, said="Word")


def dispatch(stage: Stage) -> list[str]:
    """Fill the window, and return the accounts in the order in which their takes were sent."""
    before = len(stage.messages.of("speech.speak"))
    with stage.edge.write() as session:
        speech.dispatch(session, PROVIDER)
    sent = stage.messages.of("speech.speak")[before:]
    with stage.database.read() as session:
        owners = dict(session.execute(select(Take.id, Take.account_id)).all())
    return [owners[take] for take in sent]


def end_all(stage: Stage) -> None:
    """Let all that was sent be spoken, without the tasks."""
    with stage.database.write() as session:
        over = update(Take).where(Take.state.in_(IN_WINDOW))
        session.execute(over.values(state=TakeState.DONE, object_key="key", lease_until=None))


def in_order_of_arrival(session: Session, provider: str, *, room: int, **_: object) -> Sequence[Next]:
    """Choose as a queue without turns would."""
    first = select(Take.id, Take.account_id).where(Take.provider == provider, Take.state == TakeState.READY)
    return [Next(*row, 0, 1) for row in session.execute(first.order_by(Take.id).limit(room))]


def test_five_lines_behind_two_hundred_are_among_the_next_sent(stage: Stage) -> None:
    start(stage, "large", 200)
    dispatch(stage)
    small = start(stage, "small", 5)
    end_all(stage)
    assert dispatch(stage).count(small) == 5


def test_in_order_of_arrival_they_would_wait_for_all_of_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "next_takes", in_order_of_arrival)
    start(stage, "large", 200)
    dispatch(stage)
    small = start(stage, "small", 5)
    end_all(stage)
    assert small not in dispatch(stage)


def test_an_account_of_twice_the_weight_gets_twice_as_much(stage: Stage) -> None:
    light, heavy = start(stage, "light", 60), start(stage, "heavy", 60, weight=2)
    sent: Counter[str] = Counter()
    for _ in range(3):
        sent.update(dispatch(stage))
        end_all(stage)
    assert sent[light] + sent[heavy] == 3 * WINDOW
    assert abs(sent[heavy] - 2 * sent[light]) <= 2


def test_what_counts_is_the_price_and_not_the_number_of_lines(stage: Stage) -> None:
    dear, cheap = start(stage, "dear", 60), start(stage, "cheap", 60)
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.account_id == dear).values(estimate=Take.estimate * 3))
    sent = Counter(dispatch(stage))
    assert abs(sent[cheap] - 3 * sent[dear]) <= 3


def test_an_account_beyond_its_cap_leaves_the_window_to_others(stage: Stage) -> None:
    capped, free = start(stage, "capped", 40, in_flight_cap=3), start(stage, "free", 40)
    sent = Counter(dispatch(stage))
    assert sent == {capped: 3, free: WINDOW - 3}
    assert capped not in dispatch(stage)


def test_without_its_cap_it_gets_half_of_it(stage: Stage) -> None:
    capped = start(stage, "capped", 40)
    start(stage, "free", 40)
    assert Counter(dispatch(stage))[capped] == WINDOW // 2


def test_who_had_nothing_to_send_does_not_make_up_for_it_later(stage: Stage) -> None:
    idle, busy = start(stage, "idle", 1), start(stage, "busy", 200)
    for _ in range(4):
        dispatch(stage)
        end_all(stage)
    begin_another(stage, idle, 60)
    assert abs(Counter(dispatch(stage))[busy] - WINDOW // 2) <= 1


def test_at_its_old_turn_it_would_keep_all_others_out(stage: Stage) -> None:
    idle, busy = start(stage, "idle", 1), start(stage, "busy", 200)
    for _ in range(4):
        dispatch(stage)
        end_all(stage)
    begin_another(stage, idle, 60)
    with stage.database.write() as session:
        session.execute(update(Window).values(virtual_time=0))
    assert busy not in dispatch(stage)


def test_a_turn_is_charged_with_the_claim_and_with_nothing_else(stage: Stage) -> None:
    owner = start(stage, "studio", 40)
    dispatch(stage)
    with stage.database.read() as session:
        charged = session.scalar(select(func.sum(Take.estimate)).where(Take.state == TakeState.DISPATCHED))
        assert session.get_one(Turn, (PROVIDER, owner)).virtual_time == charged
    dispatch(stage)
    with stage.database.read() as session:
        assert session.get_one(Turn, (PROVIDER, owner)).virtual_time == charged


def test_an_accounts_urgent_lines_go_first_whichever_run_they_are_of(stage: Stage) -> None:
    owner = start(stage, "studio", 40)
    later = begin_another(stage, owner, 2)
    with stage.database.write() as session:
        session.execute(update(Take).where(Take.run_id == later).values(priority=0))
    dispatch(stage)
    with stage.database.read() as session:
        first_two = select(Take.run_id).where(Take.id.in_(stage.messages.of("speech.speak")[:2]))
        assert set(session.scalars(first_two)) == {later}


def test_a_paused_run_is_passed_over_and_the_others_go_on(stage: Stage) -> None:
    held_up, other = start(stage, "held up", 40), start(stage, "other", 3)
    with stage.database.write() as session:
        pause(session, held_up)
    assert dispatch(stage) == [other] * 3
    resume(stage)
    assert Counter(dispatch(stage)) == {held_up: WINDOW - 3}


def test_a_take_on_its_way_is_put_back_where_its_run_is_paused(stage: Stage) -> None:
    owner = start(stage, "studio", 3)
    dispatch(stage)
    with stage.database.write() as session:
        pause(session, owner)
    stage.work()
    with stage.database.read() as session:
        rows = session.execute(select(Take.state, Take.holder, Take.attempt, Take.claims)).all()
    assert rows == [(TakeState.READY, None, 0, 0)] * 3
    assert stage.provider.speech_calls == []
    resume(stage)
    stage.settle_down(3)
    assert len(stage.provider.speech_calls) == 3


def test_first_words_that_would_come_too_late_are_sent_in_a_paused_run(stage: Stage) -> None:
    with stage.edge.write() as session:
        started = factories.run(session, factories.account(session))
        voice = factories.system_voice(session, started)
        factories.take(session, started, voice, "Hello.", kind=TakeKind.AUDITION)
        pause(session, started.account_id)
    stage.sweep()
    assert stage.messages.of("speech.speak") == []
    with stage.database.write() as session:
        session.execute(update(Voice).where(Voice.id == voice.id).values(lapses_at=now_ms() + AN_HOUR_MS))
    stage.sweep()
    stage.work()
    assert len(stage.provider.speech_calls) == 1


def test_four_dispatchers_at_once_never_send_more_than_the_window_holds(stage: Stage) -> None:
    start(stage, "one", 60)
    start(stage, "two", 60)
    assert all_at_once(stage) == WINDOW


def test_who_finds_the_window_being_filled_leaves_it_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert filled_meanwhile(stage, monkeypatch) == WINDOW


def test_without_the_lock_two_would_fill_it_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "_enter", lambda *_: 0)
    monkeypatch.setattr(dispatching, "_charge", lambda *_: None)
    assert filled_meanwhile(stage, monkeypatch) == 2 * WINDOW


def test_a_take_that_ends_fills_the_window_once_a_part_of_it_is_free(stage: Stage) -> None:
    start(stage, "studio", 40)
    dispatch(stage)
    with stage.edge.write() as session:
        assert dispatching.refill(session, PROVIDER) is None
    with stage.database.write() as session:
        some = session.scalars(select(Take.id).where(Take.state == TakeState.DISPATCHED).limit(4)).all()
        session.execute(update(Take).where(Take.id.in_(some)).values(state=TakeState.DONE, object_key="key"))
    with stage.edge.write() as session:
        assert dispatching.refill(session, PROVIDER) == 4


def filled_meanwhile(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let another dispatcher come by after one has counted what is in flight; return how many takes were sent."""
    if stage.database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nobody comes by")
    dispatch(stage)  # the row of the window is there from the first time on
    start(stage, "studio", 60)
    count = dispatching._in_flight

    def count_and_wait(session: Session, provider: str) -> Mapping[str, int]:
        found = count(session, provider)
        monkeypatch.setattr(dispatching, "_in_flight", count)
        dispatch(stage)
        return found

    monkeypatch.setattr(dispatching, "_in_flight", count_and_wait)
    dispatch(stage)
    return in_flight(stage)


def all_at_once(stage: Stage) -> int:
    together = threading.Barrier(4)

    def send(_: int) -> None:
        together.wait()
        with stage.edge.write() as session:
            speech.dispatch(session, PROVIDER)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(4)))
    return in_flight(stage)


def in_flight(stage: Stage) -> int:
    with stage.database.read() as session:
        return session.scalar(select(func.count()).where(Take.state == TakeState.DISPATCHED)) or 0


def pause(session: Session, account_id: str) -> None:
    session.execute(update(Run).where(Run.account_id == account_id).values(paused_at=now_ms()))


def resume(stage: Stage) -> None:
    with stage.database.write() as session:
        session.execute(update(Run).values(paused_at=None))
