"""Accounts, voices and charges. Each method is one transaction; money is integer micro-dollars."""

import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from pipeline.sandbox.calls import Call, save_call
from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.store import Store

DAY_MS = 86_400_000
UNUSED_LIFE_MS = 7 * DAY_MS

CallRow = tuple[str | int | None, ...]


class InsufficientFunds(Exception):
    """The balance, in micro-dollars, does not cover the charge; nothing was written."""

    def __init__(self, balance: int) -> None:
        super().__init__(f"balance is {balance} micro-dollars")
        self.balance = balance


class VoiceIdTaken(Exception):
    """There is, or was, a voice of that id; nothing was written."""


class OwnershipNotWritten(Exception):
    """The ownership row could not be written, so nothing was charged either."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A cloned or designed voice; `profile` is the engine's JSON, `fee_due` micro-dollars owed at its first use."""

    voice_id: str
    user: str
    name: str | None
    kind: str
    model: str
    profile: str
    created_ms: int
    last_used_ms: int | None
    deleted: bool = False
    fee_due: int = 0

    def expired(self, now_ms: int) -> bool:
        """Tell whether the upstream has deleted it: seven days old and never spoken with."""
        return self.last_used_ms is None and now_ms - self.created_ms >= UNUSED_LIFE_MS


@dataclass(frozen=True, slots=True)
class Sale:
    """What is charged: `units` of a model at `amount` micro-dollars together."""

    operation: str
    model: str
    units: int
    amount: int
    voice_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rendition:
    """What was spoken, kept so that a transcription of the same bytes knows the words."""

    sha256: str
    text: str
    voice_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer kept under an idempotency key; `fingerprint` tells whether the request is the same."""

    key: str
    fingerprint: str
    body: str


def new_voice_id() -> str:
    """Return `kyma_` and 16 hex digits."""
    return f"kyma_{secrets.token_hex(8)}"


class Book:
    """The vendor's side of the money: what it sold to whom."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self._store = store
        self._clock = clock

    def open_account(self, user: str, granted: int) -> None:
        """Grant a new user the balance; a known user keeps what is left."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO users (name, granted, balance) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (user, granted, granted),
            )

    def top_up(self, user: str, amount: int) -> int | None:
        """Add to a balance and return it; None when there is no such user."""
        with self._store.transaction() as connection:
            row = connection.execute(
                "UPDATE users SET granted = granted + ?, balance = balance + ? WHERE name = ? RETURNING balance",
                (amount, amount, user),
            ).fetchone()
        return row and int(row["balance"])

    def begin(self, call: CallRow, user: str, voice_id: str | None = None) -> tuple[int, Voice | None]:
        """Log that work starts; return the balance and, when asked for one, the voice."""
        with self._store.transaction() as connection:
            save_call(connection, call)
            voice = _find_voice(connection, voice_id) if voice_id is not None else None
            return _balance(connection, user), voice

    def log(self, call: CallRow) -> None:
        """Write what is known of a call now."""
        with self._store.transaction() as connection:
            save_call(connection, call)

    def sell_voice(
        self,
        call: Call,
        voice: Voice,
        *sales: Sale,
        fee: Sale | None = None,
        ownership_fails: bool = False,
        replay: Replay | None = None,
    ) -> int:
        """Bind the voice to its owner and charge for it, both or neither; return the balance left.

        `fee` is owed from the voice's first use on.
        """
        with self._store.transaction() as connection:
            if ownership_fails:
                raise OwnershipNotWritten
            if _find_voice(connection, voice.voice_id) is not None:
                raise VoiceIdTaken
            connection.execute(
                "INSERT INTO voices (voice_id, user, name, kind, model, profile, request_id, created_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    voice.voice_id,
                    voice.user,
                    voice.name,
                    voice.kind,
                    voice.model,
                    voice.profile,
                    call.request_id,
                    voice.created_ms,
                ),
            )
            if replay is not None:
                connection.execute(
                    "INSERT INTO replays VALUES (?, ?, ?, ?, ?)",
                    (voice.user, replay.key, replay.fingerprint, call.request_id, replay.body),
                )
            if fee is not None:
                owed = (voice.voice_id, fee.operation, fee.model, fee.amount)
                connection.execute("INSERT INTO fees VALUES (?, ?, ?, ?)", owed)
            return self._charge(connection, call, *sales)

    def sell_speech(self, call: Call, sale: Sale, rendition: Rendition) -> int:
        """Charge for speech and what the voice owes, mark it as used, remember the words; return the balance left."""
        with self._store.transaction() as connection:
            left = self._charge(connection, call, sale, *_take_fee(connection, sale.voice_id))
            connection.execute(
                "UPDATE voices SET last_used_ms = ? WHERE voice_id = ?", (self._clock.now_ms(), sale.voice_id)
            )
            connection.execute(
                "INSERT INTO renditions VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (rendition.sha256, rendition.text, rendition.voice_id, rendition.seconds),
            )
            return left

    def delete_voice(self, voice_id: str) -> None:
        """Delete a voice; its row stays, because its id is never given again."""
        with self._store.transaction() as connection:
            deleted = (voice_id, self._clock.now_ms())
            connection.execute("INSERT INTO deletions VALUES (?, ?) ON CONFLICT DO NOTHING", deleted)

    def sell(self, call: Call, sale: Sale) -> int:
        """Charge for something that leaves nothing behind; return the balance left."""
        with self._store.transaction() as connection:
            return self._charge(connection, call, sale)

    def _charge(self, connection: sqlite3.Connection, call: Call, *sales: Sale) -> int:
        """Take all of the sales or none; the second and later ones get a numbered request id."""
        total = sum(sale.amount for sale in sales)
        row = connection.execute(
            "UPDATE users SET balance = balance - ? WHERE name = ? AND balance >= ? RETURNING balance",
            (total, call.user, total),
        ).fetchone()
        if row is None:
            raise InsufficientFunds(_balance(connection, call.user))
        left = int(row["balance"])
        call.status, call.charged = 200, total
        for number, sale in enumerate(sales):
            total -= sale.amount
            self._record(connection, call, number, sale, left + total)
        save_call(connection, call.row())
        return left

    def _record(self, connection: sqlite3.Connection, call: Call, number: int, sale: Sale, balance_after: int) -> None:
        request_id = f"{call.request_id}.{number}" if number else call.request_id
        sold = (sale.operation, sale.model, sale.units, sale.amount, balance_after, sale.voice_id)
        connection.execute(
            "INSERT INTO charges"
            " (user, request_id, at_ms, operation, model, units, amount, balance_after, voice_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (call.user, request_id, self._clock.now_ms(), *sold),
        )

    def find_replay(self, user: str, key: str) -> tuple[Replay, int] | None:
        """Return the answer kept under an idempotency key, and the balance as it is now."""
        with self._store.transaction() as connection:
            row = connection.execute(
                "SELECT idempotency_key, fingerprint, body FROM replays WHERE user = ? AND idempotency_key = ?",
                (user, key),
            ).fetchone()
            return row and (Replay(*row), _balance(connection, user))

    def find_rendition(self, sha256: str) -> Rendition | None:
        """Return what was spoken in a file of that hash."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT * FROM renditions WHERE sha256 = ?", (sha256,)).fetchone()
        return row and Rendition(*row)

    def balance(self, user: str) -> int:
        """Return what a user has left."""
        with self._store.transaction() as connection:
            return _balance(connection, user)

    def voices_of(self, user: str) -> list[Voice]:
        """Return a user's voices, oldest first."""
        with self._store.transaction() as connection:
            rows = connection.execute(f"{_VOICES} WHERE user = ? ORDER BY created_ms", (user,)).fetchall()
        return [Voice(*row) for row in rows]

    def calls_today(self, user: str) -> int:
        """Return how many requests a user made since midnight UTC."""
        midnight = self._clock.now_ms() // DAY_MS * DAY_MS
        with self._store.transaction() as connection:
            query = "SELECT count(*) FROM calls WHERE user = ? AND at_ms >= ?"
            return int(connection.execute(query, (user, midnight)).fetchone()[0])

    def keep(self, name: str, value: str) -> None:
        """Store a setting of the server itself."""
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def kept(self, name: str) -> str | None:
        """Return a stored setting."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row and str(row["value"])

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return accounts, keys, charges, voices (without profiles) and calls, each in the order they came."""
        queries = {
            "accounts": "SELECT name AS user, granted, balance, granted - balance AS spent FROM users ORDER BY name",
            "keys": (
                "SELECT key_id, user, sum(charged) AS spent, sum(charged > 0) AS paid_calls FROM calls"
                " WHERE key_id <> '' GROUP BY key_id, user ORDER BY user, key_id"
            ),
            "charges": "SELECT * FROM charges ORDER BY number",
            "voices": (
                "SELECT voices.voice_id, user, name, kind, voices.model, request_id, created_ms, last_used_ms,"
                " deletions.at_ms AS deleted_ms, coalesce(fees.amount, 0) AS fee_due FROM voices"
                " LEFT JOIN deletions USING (voice_id) LEFT JOIN fees USING (voice_id)"
                " ORDER BY created_ms, voices.rowid"
            ),
            "calls": "SELECT * FROM calls ORDER BY at_ms, rowid",
        }
        with self._store.transaction() as connection:
            return {name: [dict(row) for row in connection.execute(query)] for name, query in queries.items()}


_VOICES = (
    "SELECT voice_id, user, name, kind, model, profile, created_ms, last_used_ms,"
    " voice_id IN (SELECT voice_id FROM deletions),"
    " coalesce((SELECT amount FROM fees WHERE fees.voice_id = voices.voice_id), 0) FROM voices"
)


def _find_voice(connection: sqlite3.Connection, voice_id: str) -> Voice | None:
    row = connection.execute(f"{_VOICES} WHERE voice_id = ?", (voice_id,)).fetchone()
    return row and Voice(*row)


def _take_fee(connection: sqlite3.Connection, voice_id: str | None) -> list[Sale]:
    """Return what the voice owes, which from now on it does not."""
    row = connection.execute("DELETE FROM fees WHERE voice_id = ? RETURNING *", (voice_id,)).fetchone()
    return [Sale(row["operation"], row["model"], 1, row["amount"], voice_id)] if row else []


def _balance(connection: sqlite3.Connection, user: str) -> int:
    return int(connection.execute("SELECT balance FROM users WHERE name = ?", (user,)).fetchone()["balance"])
