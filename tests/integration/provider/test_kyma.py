"""Kyma's evidence: the voice list, where it shows own voices, and the balance, where the list is silent."""

import pytest

from pipeline.provider.errors import Ambiguous, ProviderFailed
from pipeline.provider.port import Balances, CloneRequest, Doubt, Truth
from tests.support.upstreams import Upstream

PRICE = 2_100_000


def lose_a_clone(kyma: Upstream) -> CloneRequest:
    request = kyma.clone_request()
    kyma.break_at("reset_after_charge", kyma.routes.clone)
    with pytest.raises(Ambiguous):
        kyma.provider.create_voice(request)
    return request


def test_a_lost_voice_that_is_listed_under_our_label_is_found(kyma: Upstream) -> None:
    kyma.sandbox.control("options", {"list_clones": True})
    before, request = kyma.balance(), lose_a_clone(kyma)
    finding = kyma.provider.reconcile_voice(kyma.doubt(request, before))

    assert (finding.truth, finding.source) == (Truth.MADE, "list")
    assert finding.voice is not None
    assert [finding.voice.provider_voice_id] == kyma.voices()
    assert finding.voice.cost.charged_micros is None


def test_a_voice_of_a_similar_label_is_not_ours(kyma: Upstream) -> None:
    kyma.sandbox.control("options", {"list_clones": True})
    made = kyma.clone_request(label="mara~0001x")
    kyma.provider.create_voice(made)
    ours = kyma.clone_request(label="mara~0001")

    assert kyma.provider.reconcile_voice(kyma.doubt(ours, kyma.balance())).truth is Truth.NOT_MADE


@pytest.mark.parametrize("user_paid", [True, False])
def test_a_list_that_cannot_be_read_does_not_hide_the_balance(kyma: Upstream, *, user_paid: bool) -> None:
    before = kyma.balance()
    request = lose_a_clone(kyma) if user_paid else kyma.clone_request()
    doubt = kyma.doubt(request, before)
    kyma.break_at("502_html", str(kyma.routes.voices))
    finding = kyma.provider.reconcile_voice(doubt)

    assert finding.truth is (Truth.CHARGED if user_paid else Truth.NOT_MADE)
    assert "could not be read" in finding.told


def test_neither_list_nor_balance_cannot_even_be_asked(kyma: Upstream) -> None:
    kyma.break_at("502_html", str(kyma.routes.voices))
    with pytest.raises(ProviderFailed):
        kyma.provider.reconcile_voice(Doubt(kyma.clone_request(), PRICE, None))


def test_a_silent_list_without_a_balance_before_leaves_it_open(kyma: Upstream) -> None:
    finding = kyma.provider.reconcile_voice(Doubt(lose_a_clone(kyma), PRICE, None))

    assert (finding.truth, finding.source) == (Truth.UNKNOWN, "none")


def test_other_spend_is_told_apart_where_it_is_known_and_leaves_it_open_where_it_is_not(kyma: Upstream) -> None:
    before, request = kyma.balance(), lose_a_clone(kyma)
    spoken = kyma.speak(kyma.provider.system_voices()[0].provider_voice_id).cost.charged_micros
    assert spoken is not None
    known = kyma.provider.reconcile_voice(kyma.doubt(request, before, others=spoken))
    unknown = kyma.provider.reconcile_voice(kyma.doubt(request, before))

    assert (known.truth, unknown.truth) == (Truth.CHARGED, Truth.UNKNOWN)
    assert "a drop of $2.1028; our other calls took $0.0028" in known.told


def test_a_top_up_by_a_person_leaves_it_open(kyma: Upstream) -> None:
    before, request = kyma.balance(), lose_a_clone(kyma)
    kyma.sandbox.control("credit", {"user": "ann", "micros": 1_000_000})

    assert kyma.provider.reconcile_voice(kyma.doubt(request, before)).truth is Truth.UNKNOWN


def test_a_list_in_the_servers_cache_proves_nothing_missing(kyma: Upstream) -> None:
    kyma.sandbox.control("options", {"list_clones": True})
    kyma.provider.system_voices()
    before, request = kyma.balance(), lose_a_clone(kyma)
    too_early = kyma.provider.reconcile_voice(Doubt(request, PRICE, None))
    by_balance = kyma.provider.reconcile_voice(Doubt(request, PRICE, Balances(before, before - PRICE, 0, 0)))
    kyma.sandbox.advance(301)
    later = kyma.provider.reconcile_voice(Doubt(request, PRICE, None))

    assert (too_early.truth, by_balance.truth, later.truth) == (Truth.UNKNOWN, Truth.CHARGED, Truth.MADE)
