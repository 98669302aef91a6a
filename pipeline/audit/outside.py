"""I8 and I10: the provider's own book, what people have decided, and answers that came too late."""

from sqlalchemy import func, or_, select

from pipeline.audit.report import Broken, Faults, Finding, Scope, finding
from pipeline.ledger import service as ledger
from pipeline.ledger.models import Decision, ProviderAccount, Transfer
from pipeline.ledger.money import dollars
from pipeline.voices.models import Orphan
from pipeline.voices.rules import OrphanState

TOP_UP = "top_up"
"""The action of a decision that says how much was paid in at a provider."""
SETTLED_MS = 2_000
"""A balance read so soon after a payment may be from before it."""


def provider_agrees(scope: Scope) -> Finding:
    """I8: what a provider has taken from its account's balance is what our transfers say."""
    faults, undecided, rows = Faults(), [], 0
    if scope.account_id is not None:
        why = "a provider's balance is that of all accounts together: `callsheet audit --all` compares it"
        return finding("I8", "the provider's own book equals ours", 0, faults, undecided=why)
    for account in scope.session.scalars(select(ProviderAccount).order_by(ProviderAccount.provider)):
        rows += 1
        wrong, open_question = _compare(scope, account)
        if wrong:
            faults.add(ledger.provider_owner(account.provider), wrong)
        elif open_question:
            undecided.append(f"{account.provider}: {open_question}")
    if not rows:
        undecided.append("no provider has told a balance yet")
    return finding("I8", "the provider's own book equals ours", rows, faults, undecided="; ".join(undecided))


def nothing_dropped(scope: Scope) -> Finding:
    """I10: an answer that came too late is kept and on the books, and waits for a person."""
    faults = Faults()
    mine = scope.mine(Orphan.account_id)
    paid = select(Transfer.attempt).where(Transfer.attempt == Orphan.attempt_id).exists()
    unkept = select(Orphan.id, Orphan.provider_voice_id).where(or_(Orphan.raw == "", (Orphan.cost > 0) & ~paid), *mine)
    faults.add_all(scope, unkept, lambda row: f"{row[1]} has cost something, and its answer or its cost is not kept")
    open_ones = select(Orphan).where(Orphan.state == OrphanState.OPEN, *mine).order_by(Orphan.id)
    waiting = [
        Broken(
            orphan.id, f"{orphan.provider_voice_id} came too late and waits for a person; {dollars(orphan.cost)} lost"
        )
        for orphan in scope.session.scalars(open_ones)
    ]
    return finding("I10", "late answers are kept", scope.count(Orphan), faults, waiting=waiting)


def decisions_follow(scope: Scope) -> Finding:
    """I10: what people have decided is the unbroken chain that it was."""
    faults = Faults()
    owners = select(Decision.account_id).where(*scope.mine(Decision.account_id)).distinct()
    for account_id in scope.session.scalars(owners).all():
        for decision_id in ledger.verify_decisions(scope.session, account_id):
            faults.add(decision_id, "it is not what was decided, or does not follow from the first decision")
    return finding("I10", "decisions are as they were", scope.count(Decision), faults)


def _compare(scope: Scope, account: ProviderAccount) -> tuple[str, str]:
    """Return what is wrong with a provider's balance, and why that cannot be told now; both empty where all is well."""
    if account.opening_balance is None or account.balance is None:
        return "", "the provider has told no balance"
    spend = ledger.known_spend(scope.session, account.provider)
    taken = account.opening_balance + _paid_in(scope, account.provider) - account.balance
    charged = spend.spent - account.opening_committed
    fresh = _is_fresh(scope, account)
    least = charged - spend.estimated if fresh else 0
    most = charged + spend.held
    if not least <= taken <= most:
        bounds = dollars(most) if least == most else f"{dollars(least)} to {dollars(most)}"
        hint = "" if taken > most else " Was it topped up? `callsheet ledger topup` records that."
        return f"the provider has taken {dollars(taken)}, our books say {bounds}.{hint}", ""
    if spend.held:
        return "", f"{dollars(spend.held)} are held for calls in flight"
    return "", "" if fresh else "the balance was read before the last payment"


def _is_fresh(scope: Scope, account: ProviderAccount) -> bool:
    last = select(func.max(Transfer.created_at)).where(Transfer.credit == account.provider)
    return (account.read_at or 0) >= (scope.session.scalar(last) or 0) + SETTLED_MS


def _paid_in(scope: Scope, provider: str) -> int:
    topped_up = (Decision.action == TOP_UP, Decision.subject == ledger.provider_owner(provider))
    details = scope.session.scalars(select(Decision.detail).where(*topped_up))
    return sum(int(detail["amount_micros"]) for detail in details)
