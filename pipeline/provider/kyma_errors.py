"""What Kyma's answers mean for us: one table.

The HTTP status decides first, because the codes differ between endpoints (402 alone has three spellings); a code
only refines its status.
"""

from pipeline.provider.calls import ANY, MAKING, REPEATABLE, Rule
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

CONTENT_CODES = frozenset(
    {"content_blocked", "content_filter", "content_policy_violation", "moderation_blocked", "sensitive_content"}
)
"""Assumed: no content refusal is documented; these are the spellings other audio APIs use."""

ANSWERS = (
    Rule(ANY, frozenset({401, 402}), None, AccountBlocked),
    Rule(ANY, frozenset({403}), frozenset({"voice_not_owned"}), VoiceGone),
    Rule(ANY, frozenset({400, 403, 422}), CONTENT_CODES, ContentBlocked),
    Rule(ANY, frozenset({403}), None, AccountBlocked),
    Rule(ANY, frozenset({400, 413, 415}), None, Refused),
    Rule(ANY, frozenset({429}), None, RateLimited),
    Rule(MAKING, frozenset({500}), frozenset({"ownership_write_failed"}), SafeRetry),
    # Anything else, a 200 that cannot be read included: the voice may have been made and charged.
    Rule(MAKING, None, None, Ambiguous),
    Rule(REPEATABLE, frozenset({422}), None, Refused),
    Rule(REPEATABLE, None, None, ProviderFailed),
)
"""The first row that covers an answer decides."""
