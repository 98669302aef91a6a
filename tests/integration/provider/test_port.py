"""The promises of the provider port, kept by every adapter against a real sandbox process."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline.provider.errors import (
    AccountBlocked,
    Ambiguous,
    NotSent,
    ProviderError,
    ProviderFailed,
    RateLimited,
    Refused,
    SafeRetry,
    VoiceGone,
)
from pipeline.provider.port import ChargeMoment, CloneRequest, DesignRequest, SpeechRequest, Truth, VoiceProvider
from tests.support.fakes import ScriptedProvider
from tests.support.ports import free_port
from tests.support.sandbox_client import hum
from tests.support.upstreams import APIS, Upstream, adapter

DAY = 86_400
FEES = ("voice-clone", "voice-design")
TEXT = "Welcome to the show."


def lost(upstream: Upstream, point: str, request: CloneRequest | DesignRequest) -> ProviderError:
    """Make a voice and lose the answer."""
    design = isinstance(request, DesignRequest)
    upstream.break_at(point, upstream.routes.design if design else upstream.routes.clone)
    with pytest.raises(ProviderError) as caught:
        upstream.provider.design_voice(request) if design else upstream.provider.create_voice(request)
    return caught.value


# What is sold


@pytest.mark.parametrize("api", [*APIS, "fake"])
def test_every_model_that_speaks_has_a_price(api: str) -> None:
    provider: VoiceProvider = ScriptedProvider() if api == "fake" else adapter(api, f"http://127.0.0.1:{free_port()}")
    prices, sold = provider.prices(), provider.capabilities()

    assert set(sold.speech_models) == set(prices.speech_micros_per_million_chars)
    assert min(prices.clone_micros, prices.design_micros, *prices.speech_micros_per_million_chars.values()) > 0
    assert sold.one_at_a_time is (sold.reports_balance and not sold.client_chosen_id)


def test_every_format_and_model_is_spoken(upstream: Upstream) -> None:
    sold = upstream.provider.capabilities()
    common = [model for model in sold.speech_models if model.startswith(("minimax", "speech"))]
    voice = upstream.provider.system_voices()[0].provider_voice_id

    for form in sold.formats:
        assert upstream.speak(voice, form=form).audio
    for model in common:
        spoken = upstream.provider.synthesize(line(voice, model))
        assert spoken.content_type == "audio/mpeg"


def test_the_price_list_says_what_the_book_charges(upstream: Upstream) -> None:
    prices = upstream.provider.prices()
    voice = upstream.provider.create_voice(upstream.clone_request())
    designed = upstream.provider.design_voice(upstream.design_request())
    spoken = [upstream.speak(made.provider_voice_id, TEXT) for made in (voice, designed)]

    line = prices.speech("minimax-speech-hd", len(TEXT))
    fees = upstream.charges(*FEES)
    if upstream.provider.capabilities().charge_moment is ChargeMoment.FIRST_USE:
        fees[1] += designed.cost.charged_micros or 0  # the words it was made with, billed at once
    assert fees == [prices.clone_micros, prices.design_micros]
    assert upstream.charges("speech") == [line, line]
    assert [result.cost.charged_micros for result in spoken] == [line, line]
    assert [result.cost.chars_billed for result in spoken] == [len(TEXT)] * 2


def test_a_voice_is_charged_at_the_moment_the_provider_names(upstream: Upstream) -> None:
    before = upstream.balance()
    made = upstream.provider.create_voice(upstream.clone_request())
    at_create, price = upstream.charges("voice-clone"), upstream.provider.prices().clone_micros
    upstream.speak(made.provider_voice_id)

    if upstream.provider.capabilities().charge_moment is ChargeMoment.CREATE:
        assert (at_create, made.cost.charged_micros) == ([price], price)
        assert made.cost.balance_after_micros == before - price
    else:
        assert (at_create, made.cost.charged_micros) == ([], 0)
    assert upstream.charges("voice-clone") == [price]


def test_two_first_syntheses_at_once_pay_the_voice_once(upstream: Upstream) -> None:
    made = upstream.provider.create_voice(upstream.clone_request())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: upstream.speak(made.provider_voice_id, f"Line {n}."), range(8)))

    assert upstream.charges("voice-clone") == [upstream.provider.prices().clone_micros]
    assert len(upstream.charges("speech")) == 8


def test_chinese_characters_are_billed_as_the_answer_says(upstream: Upstream) -> None:
    voice = upstream.provider.system_voices()[0].provider_voice_id
    spoken = upstream.speak(voice, "Hello 旅人.")

    assert spoken.cost.chars_billed == {"kyma": 9, "minimax": 11}[upstream.api]
    assert upstream.charges("speech") == [spoken.cost.charged_micros]


def test_answers_tell_the_providers_own_time(upstream: Upstream) -> None:
    upstream.sandbox.advance(40 * DAY)
    now_ms = upstream.sandbox.control("clock")["now"] * 1000
    made = upstream.provider.create_voice(upstream.clone_request())

    assert made.made_at_ms == pytest.approx(now_ms, abs=60_000)
    assert upstream.provider.account().at_ms == pytest.approx(now_ms, abs=60_000)


def test_the_balance_is_told_where_the_provider_says_so(upstream: Upstream) -> None:
    told = upstream.provider.account().balance_micros

    assert told == (upstream.balance() if upstream.provider.capabilities().reports_balance else None)


def test_system_voices_are_listed_and_own_voices_are_not_among_them(upstream: Upstream) -> None:
    upstream.sandbox.control("options", {"list_clones": True})
    made = upstream.provider.create_voice(upstream.clone_request())
    upstream.speak(made.provider_voice_id)
    listed = [voice.provider_voice_id for voice in upstream.provider.system_voices()]

    assert len(listed) > 5
    assert made.provider_voice_id not in listed


# What became of a lost answer


@pytest.mark.parametrize("kind", ["clone", "design"])
@pytest.mark.parametrize("point", ["reset_after_charge", "502_after_charge", "truncate_body"])
def test_a_voice_whose_answer_was_lost_is_found_or_its_charge_is(upstream: Upstream, point: str, kind: str) -> None:
    before = upstream.balance()
    request = upstream.clone_request() if kind == "clone" else upstream.design_request()
    error = lost(upstream, point, request)
    finding = upstream.provider.reconcile_voice(upstream.doubt(request, before))

    assert type(error) is Ambiguous
    if upstream.provider.capabilities().client_chosen_id:
        assert (finding.truth, finding.source) == (Truth.MADE, "same_id")
        assert finding.voice is not None
        assert [finding.voice.provider_voice_id] == upstream.voices()
        upstream.speak(finding.voice.provider_voice_id)
    else:
        assert (finding.truth, finding.source, finding.voice) == (Truth.CHARGED, "balance", None)
    assert len(upstream.voices()) == len(upstream.charges(*FEES)) == 1


@pytest.mark.parametrize("point", ["reset_before", "reset_after_upstream"])
def test_a_voice_that_was_not_made_is_proven_absent_or_made_once_by_asking(upstream: Upstream, point: str) -> None:
    before, request = upstream.balance(), upstream.clone_request()
    error = lost(upstream, point, request)
    finding = upstream.provider.reconcile_voice(upstream.doubt(request, before))

    assert type(error) is Ambiguous
    if upstream.provider.capabilities().client_chosen_id:
        assert finding.truth is Truth.MADE
        assert upstream.voices() == [request.chosen_id]
    else:
        assert (finding.truth, finding.source) == (Truth.NOT_MADE, "balance")
        assert upstream.voices() == []
    assert upstream.charges() == []


def test_asking_twice_what_became_of_a_call_changes_nothing(upstream: Upstream) -> None:
    before, request = upstream.balance(), upstream.clone_request()
    lost(upstream, "reset_after_charge", request)
    first, second = (upstream.provider.reconcile_voice(upstream.doubt(request, before)) for _ in range(2))

    assert first.truth is second.truth
    assert len(upstream.voices()) == 1
    assert len(upstream.charges()) <= 1


def test_sending_again_in_place_of_asking_makes_a_second_voice(upstream: Upstream) -> None:
    request = upstream.clone_request()
    lost(upstream, "reset_after_charge", request)
    again = upstream.provider.create_voice(upstream.clone_request())
    for voice in upstream.voices():
        upstream.speak(voice)

    assert again.provider_voice_id in upstream.voices()
    assert upstream.charges("voice-clone") == [upstream.provider.prices().clone_micros] * 2


def test_an_ownership_row_that_was_not_written_leaves_one_voice_and_one_fee_in_the_end(upstream: Upstream) -> None:
    request = upstream.clone_request()
    error = lost(upstream, "ownership_write_failed", request)
    assert (upstream.voices(), upstream.charges()) == ([], [])

    if isinstance(error, SafeRetry):
        voice = upstream.provider.create_voice(replace(request, reference=upstream.clone_request().reference))
    else:
        assert type(error) is Ambiguous
        voice = upstream.provider.reconcile_voice(upstream.doubt(request, upstream.balance())).voice
    assert voice is not None
    upstream.speak(voice.provider_voice_id)
    assert upstream.voices() == [voice.provider_voice_id]
    assert len(upstream.charges("voice-clone")) == 1


def test_a_call_that_a_refusal_ended_is_not_made(upstream: Upstream) -> None:
    before, request = upstream.balance(), upstream.clone_request(hum(4))
    finding = upstream.provider.reconcile_voice(upstream.doubt(request, before))

    assert finding.truth is Truth.NOT_MADE
    assert upstream.voices() == []


def test_what_cannot_be_asked_raises(upstream: Upstream) -> None:
    request = upstream.clone_request()
    stranger = adapter(upstream.api, upstream.sandbox.base_url, key="nobody")
    away = adapter(upstream.api, f"http://127.0.0.1:{free_port()}")
    doubt = replace(upstream.doubt(request, upstream.balance()), balances=None)

    with pytest.raises(AccountBlocked):
        stranger.reconcile_voice(doubt)
    with pytest.raises(NotSent):
        away.reconcile_voice(doubt)
    for provider in (stranger, away):
        provider.close()


# Endings


@pytest.mark.parametrize(
    ("point", "clone", "speech"),
    [
        ("429:3", RateLimited, RateLimited),
        ("402", AccountBlocked, AccountBlocked),
        ("502_json", Ambiguous, ProviderFailed),
        ("502_html", Ambiguous, ProviderFailed),
        ("502_after_charge", Ambiguous, ProviderFailed),
        ("truncate_body", Ambiguous, Ambiguous),
        ("reset_before", Ambiguous, Ambiguous),
        ("reset_after_charge", Ambiguous, Ambiguous),
        ("empty_audio", Ambiguous, ProviderFailed),
    ],
)
def test_each_fault_has_its_class_and_is_sent_once(
    upstream: Upstream, point: str, clone: type[ProviderError], speech: type[ProviderError]
) -> None:
    voice = upstream.provider.system_voices()[0].provider_voice_id
    assert type(lost(upstream, point, upstream.clone_request())) is clone
    upstream.break_at(point, upstream.routes.speech)
    with pytest.raises(ProviderError) as caught:
        upstream.speak(voice)

    assert type(caught.value) is speech
    sent = [call["route"] for call in upstream.sandbox.ledger()["calls"]]
    assert sum(route.endswith((upstream.routes.clone, upstream.routes.speech)) for route in sent) == 2


def test_refusals_keep_their_meaning(upstream: Upstream) -> None:
    made = upstream.provider.create_voice(upstream.clone_request())
    bob = adapter(upstream.api, upstream.sandbox.base_url, key="key-bob")
    nobody = adapter(upstream.api, upstream.sandbox.base_url, key="nobody")

    with pytest.raises(Refused) as short:
        upstream.provider.create_voice(upstream.clone_request(hum(4)))
    with pytest.raises(VoiceGone):
        bob.synthesize(line(made.provider_voice_id, "minimax-speech-hd"))
    with pytest.raises(AccountBlocked):
        nobody.create_voice(upstream.clone_request())
    with pytest.raises(AccountBlocked):
        nobody.account()
    for provider in (bob, nobody):
        provider.close()
    assert not isinstance(short.value, VoiceGone)
    assert "4.00 s" in short.value.message


def test_every_refusal_names_the_request_it_answers(upstream: Upstream) -> None:
    with pytest.raises(Refused) as caught:
        upstream.provider.create_voice(upstream.clone_request(hum(4)))

    assert caught.value.request_id in {call["request_id"] for call in upstream.sandbox.ledger()["calls"]}


def test_a_poor_account_is_blocked_before_anything_is_charged(upstream: Upstream) -> None:
    poor = adapter(upstream.api, upstream.sandbox.base_url, key="key-cid")

    def first_words() -> None:
        made = poor.create_voice(upstream.clone_request())
        poor.synthesize(line(made.provider_voice_id, "minimax-speech-hd"))

    with pytest.raises(AccountBlocked):
        first_words()
    poor.close()
    assert upstream.charges() == []


# The seven days


def test_a_voice_that_has_not_spoken_in_seven_days_is_gone_and_one_that_has_is_not(upstream: Upstream) -> None:
    upstream.sandbox.control("options", {"expire_unused": True})
    silent, spoken = (upstream.provider.create_voice(upstream.clone_request()) for _ in range(2))
    upstream.speak(spoken.provider_voice_id)
    deadline = upstream.provider.capabilities().activation_deadline_seconds
    assert deadline is not None
    upstream.sandbox.advance(deadline + 1)

    with pytest.raises((VoiceGone, ProviderFailed)):
        upstream.speak(silent.provider_voice_id)
    assert upstream.speak(spoken.provider_voice_id).audio


def line(voice_id: str, model: str, text: str = TEXT) -> SpeechRequest:
    return SpeechRequest(model, text, voice_id, "mp3")
