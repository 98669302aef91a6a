"""The paid call of a take: one, or one a part for a text above the provider's limit."""

from collections.abc import Callable
from dataclasses import replace

from pipeline import audio
from pipeline.ledger.provider_account import Block
from pipeline.provider.errors import AccountBlocked, ProviderError, ProviderFailed
from pipeline.provider.port import SpeechRequest, SpeechResult, VoiceProvider
from pipeline.speech.rules import may_have_cost
from pipeline.speech.service.attempt import Job, Missed, Spoken
from pipeline.speech.service.storing import Keeper


def call(
    provider: VoiceProvider, keeper: Keeper, wait: Callable[[int], None], over: Callable[[], None] = lambda: None
) -> Spoken | Missed:
    """Speak a take: one call, or one a part for a text above the provider's limit.

    `wait` keeps the pace between the parts; `over` is told as soon as the last answer is there, before it is looked at.
    """
    job = keeper.job
    if len(job.parts) == 1:
        return _speak(provider, job, job.parts[0], over)
    try:
        return _speak_parts(provider, keeper, wait)
    finally:
        over()


def _speak_parts(provider: VoiceProvider, keeper: Keeper, wait: Callable[[int], None]) -> Spoken | Missed:
    job = keeper.job
    parts: list[Spoken] = []
    for number, text in enumerate(job.parts):
        part = keeper.found_part(number)
        if part is None:
            if number:
                wait(len(text))
            part = _speak(provider, job, text)
            if isinstance(part, Spoken):
                part = keeper.keep_part(number, part)
        if isinstance(part, Missed):
            return _missed_whole(parts, part)
        parts.append(part)
    return _joined(job, parts)


def _speak(provider: VoiceProvider, job: Job, text: str, over: Callable[[], None] = lambda: None) -> Spoken | Missed:
    request = SpeechRequest(job.model, text, job.provider_voice_id, job.format, job.delivery)
    try:
        try:
            answer = provider.synthesize(request)
        finally:
            over()
        return _checked(answer, job.format)
    except ProviderError as error:
        block = Block.of(error) if isinstance(error, AccountBlocked) else None
        return Missed(error.kind, error.message, error.charged_micros, error.retry_after, block)


def _checked(answer: SpeechResult, audio_format: str) -> Spoken:
    try:
        seconds = audio.count_speech_seconds(answer.audio, audio_format)
    except audio.AudioRejected as error:
        raise ProviderFailed(
            f"the provider's answer is no audio: {error}", charged_micros=answer.cost.charged_micros
        ) from error
    cost = answer.cost
    return Spoken(answer.audio, answer.content_type, seconds, cost.charged_micros, cost.chars_billed)


def _missed_whole(parts: list[Spoken], missed: Missed) -> Missed:
    """Return the miss of one part as the miss of the take, with what all its parts have cost."""
    cost = 0 if missed.cost is None and not may_have_cost(missed.kind) else missed.cost
    return replace(missed, cost=_sum([*(part.cost for part in parts), cost])) if parts else missed


def _joined(job: Job, parts: list[Spoken]) -> Spoken | Missed:
    cost = _sum([part.cost for part in parts])
    try:
        whole = audio.join([part.audio for part in parts], job.format, job.pauses)
        seconds = audio.count_speech_seconds(whole, job.format)
    except audio.AudioRejected as error:
        return Missed(error.code, error.message, cost)
    return Spoken(whole, parts[0].content_type, seconds, cost, _sum([part.chars for part in parts]))


def _sum(amounts: list[int | None]) -> int | None:
    """Add up what is known; where a part is not, neither is the whole."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
