"""What MiniMax sells itself, at its published prices in micro-dollars, and how it counts and paces."""

import re

from pipeline.sandbox.prices import Mode, Model
from pipeline.sandbox.tiers import LAB_TIER, Tier

CLONE = Model("voice_clone", "Voice clone", "minimax-direct", "voice-clone", Mode.CALL, 1_500_000)
DESIGN = Model("voice_design", "Voice design", "minimax-direct", "voice-design", Mode.CALL, 3_000_000)
PREVIEW = Model("voice_design_preview", "Design sample", "minimax-direct", "tts", Mode.CHARACTER, 30)
VOICES = {CLONE.id, DESIGN.id}

_GENERATIONS = ("2.8", "2.6", "02", "01")
SPEECH = {
    f"speech-{generation}-{grade}": Model(
        f"speech-{generation}-{grade}", f"Speech {generation} {grade}", "minimax-direct", "tts", Mode.CHARACTER, price
    )
    for generation in _GENERATIONS
    for grade, price in (("hd", 100), ("turbo", 60))
}

_CALLS_PER_MINUTE = {"tts": 60, "voice-clone": 60, "voice-design": 20}
_HAN = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def calls_per_minute(model: Model, tier: Tier) -> int:
    """Return how many calls of the model's sort a user may make a minute."""
    return tier.model_rpm if tier is LAB_TIER else _CALLS_PER_MINUTE[model.modality]


def usage_characters(text: str) -> int:
    """Return the characters billed: a Chinese one is two; spaces and tags count (tags: assumed)."""
    return len(text) + len(_HAN.findall(text))
