import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.sandbox.book import Book, InsufficientFunds, OwnershipNotWritten, Rendition, Sale, Voice, new_voice_id
from pipeline.sandbox.calls import Call
from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.store import Store

PRICE = 2_100_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "book.db")
    yield store
    store.close()


@pytest.fixture
def book(store: Store) -> Book:
    book = Book(store, VirtualClock())
    book.open_account("ann", 10_000_000)
    return book


def a_call() -> Call:
    return Call(1, "POST", "/v1/audio/voice-clone", user="ann")


def a_voice(voice_id: str = "") -> Voice:
    return Voice(voice_id or new_voice_id(), "ann", None, "clone", "minimax-voice-clone", "{}", 0, None)


def a_sale(voice: Voice, amount: int = PRICE) -> Sale:
    return Sale("voice-clone", voice.model, 1, amount, voice.voice_id)


def test_a_voice_and_its_charge_are_written_together(book: Book) -> None:
    voice = a_voice()
    assert book.sell_voice(a_call(), voice, a_sale(voice)) == 7_900_000
    dump = book.dump()
    assert (
        [row["voice_id"] for row in dump["voices"]] == [row["voice_id"] for row in dump["charges"]] == [voice.voice_id]
    )
    assert dump["accounts"] == [{"user": "ann", "granted": 10_000_000, "balance": 7_900_000, "spent": PRICE}]
    assert [(row["status"], row["charged"]) for row in dump["calls"]] == [(200, PRICE)]


def test_without_the_money_there_is_no_voice(book: Book) -> None:
    voice = a_voice()
    with pytest.raises(InsufficientFunds) as refusal:
        book.sell_voice(a_call(), voice, a_sale(voice, 10_000_001))
    assert refusal.value.balance == 10_000_000
    assert not book.dump()["voices"]
    assert not book.dump()["charges"]


def test_without_the_ownership_row_there_is_no_charge(book: Book) -> None:
    voice = a_voice()
    with pytest.raises(OwnershipNotWritten):
        book.sell_voice(a_call(), voice, a_sale(voice), ownership_fails=True)
    assert book.balance("ann") == 10_000_000


def test_a_request_is_charged_once_whatever_its_voice(book: Book) -> None:
    call = a_call()
    book.sell_voice(call, first := a_voice(), a_sale(first))
    with pytest.raises(sqlite3.IntegrityError):
        book.sell_voice(call, second := a_voice(), a_sale(second))
    assert book.balance("ann") == 7_900_000


@pytest.mark.parametrize("statement", ["UPDATE charges SET amount = 1", "DELETE FROM charges"])
def test_charges_are_never_touched_again(book: Book, store: Store, statement: str) -> None:
    voice = a_voice()
    book.sell_voice(a_call(), voice, a_sale(voice))
    with pytest.raises(sqlite3.IntegrityError, match="never"), store.transaction() as connection:
        connection.execute(statement)


def test_a_known_account_is_not_granted_twice(book: Book) -> None:
    book.open_account("ann", 99_000_000)
    assert book.balance("ann") == 10_000_000


def test_money_added_counts_as_granted(book: Book) -> None:
    assert book.top_up("ann", 5) == 10_000_005
    assert book.top_up("nobody", 5) is None
    assert book.dump()["accounts"][0]["granted"] == 10_000_005


def test_speaking_marks_the_voice_as_used(book: Book) -> None:
    voice = a_voice()
    book.sell_voice(a_call(), voice, a_sale(voice))
    sale = Sale("speech", "minimax-speech-hd", 3, 420, voice.voice_id)
    book.sell_speech(a_call(), sale, Rendition("abc", "Yes", voice.voice_id, 1.5))
    assert book.voices_of("ann")[0].last_used_ms is not None
    assert book.find_rendition("abc") == Rendition("abc", "Yes", voice.voice_id, 1.5)


def test_many_connections_at_once_spend_exactly_the_balance(tmp_path: Path) -> None:
    price, grants, threads, attempts = 7, 50, 8, 20
    path = tmp_path / "race.db"

    def spend(_: int) -> int:
        store = Store(path)
        book, sold = Book(store, VirtualClock()), 0
        for _ in range(attempts):
            try:
                book.sell(a_call(), Sale("speech", "minimax-speech-turbo", 1, price))
                sold += 1
            except InsufficientFunds:
                continue
        store.close()
        return sold

    opener = Store(path)
    book = Book(opener, VirtualClock())
    book.open_account("ann", grants * price + price - 1)
    with ThreadPoolExecutor(threads) as pool:
        sold = sum(pool.map(spend, range(threads)))
    charges = book.dump()["charges"]
    assert sold == len(charges) == grants
    assert [row["balance_after"] for row in charges] == list(range(grants * price - 1, price - 2, -price))
    assert book.balance("ann") == price - 1
    opener.close()
