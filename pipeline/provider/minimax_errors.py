"""What MiniMax's answers mean for us: one table.

Its service answers HTTP 200 and says in `base_resp.status_code` what came of the call; other HTTP statuses come
from what stands before it. A clone or design is asked for under an id of our choosing, so its unclear endings are
settled by asking for the same id again.
"""

from pipeline.provider.calls import ANY, MAKING, REPEATABLE, Call, Rule
from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    ContentBlocked,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
    VoiceGone,
)

ID_EXISTS = "2039"
"""The id is taken: for a token of ours, by an earlier call of ours."""

NO_FUNDS = frozenset({"1008", "2056", "1028", "1030", "2061"})
"""Out of credit, or over the plan: what other providers answer with 402."""
STATUSES = dict.fromkeys(NO_FUNDS, 402)

ANSWERS = (
    # Requests a minute, growth, tokens a minute, connections. They are no content filters.
    Rule(ANY, None, frozenset({"1002", "2045", "1039", "1041"}), RateLimited),
    # Key; credit and plan; the right to clone.
    Rule(ANY, None, frozenset({"1004", "2049", *NO_FUNDS, "2038"}), AccountBlocked),
    Rule(ANY, None, frozenset({"1026", "1027"}), ContentBlocked),
    # Somebody else's voice; no such voice.
    Rule(ANY, None, frozenset({"2042", "2054"}), VoiceGone),
    # Invisible characters; sample and prompt similarity; parameters; sample or id; duration; prompt too long.
    Rule(ANY, None, frozenset({"1042", "1043", "1044", "2013", "20132", "2037", "2048"}), Refused),
    Rule(ANY, frozenset({401, 402, 403}), None, AccountBlocked),
    Rule(ANY, frozenset({400, 413, 415, 422}), None, Refused),
    Rule(ANY, frozenset({429}), None, RateLimited),
    # Anything else: 1000, 1001, 1013, 1024 and 1033 (the service failed), 2039, and what cannot be read.
    Rule(MAKING, None, None, Ambiguous),
    Rule(frozenset({Call.UPLOAD}), None, None, SafeRetry),
    Rule(REPEATABLE, None, None, ProviderFailed),
)
"""The first row that covers an answer decides."""
