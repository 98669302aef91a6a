"""What only MiniMax does: ids of our choosing, the question by the same id, deletion."""

from dataclasses import replace

import pytest

from pipeline.provider.errors import AccountBlocked, Ambiguous, RateLimited, Refused, SafeRetry, VoiceGone
from pipeline.provider.port import Doubt, Truth
from tests.support.upstreams import Upstream


def test_a_voice_has_the_id_it_was_asked_for_under(minimax: Upstream) -> None:
    cloned, designed = minimax.clone_request(), minimax.design_request()

    assert minimax.provider.create_voice(cloned).provider_voice_id == cloned.chosen_id
    assert minimax.provider.design_voice(designed).provider_voice_id == designed.chosen_id


def test_a_design_is_charged_its_sample_at_once_and_its_fee_when_it_speaks(minimax: Upstream) -> None:
    made = minimax.provider.design_voice(minimax.design_request())
    at_once = minimax.charges()
    minimax.speak(made.provider_voice_id)

    assert at_once == [made.cost.charged_micros] == [len("This is how I sound.") * 30]
    assert minimax.charges("voice-design") == [3_000_000]
    assert "trial_audio" in made.raw
    assert len(made.raw) < 200


def test_an_id_that_exists_is_in_doubt_and_asking_says_that_it_is_ours(minimax: Upstream) -> None:
    request = minimax.clone_request()
    minimax.provider.create_voice(request)
    with pytest.raises(Ambiguous) as caught:
        minimax.provider.create_voice(replace(minimax.clone_request(), chosen_id=request.chosen_id))

    assert caught.value.provider_code == "2039"
    assert minimax.provider.reconcile_voice(minimax.doubt(request, 0)).truth is Truth.MADE
    assert minimax.voices() == [request.chosen_id]


@pytest.mark.parametrize("chosen", [None, "short", "1mara-0001", "mara-0001-", "mara~0001", "m" * 257])
def test_an_id_that_would_be_refused_is_not_sent(minimax: Upstream, chosen: str | None) -> None:
    with pytest.raises(Refused, match="Nothing was sent"):
        minimax.provider.create_voice(minimax.clone_request(chosen_id=chosen))

    assert minimax.sandbox.ledger()["calls"] == []


def test_a_call_without_an_id_of_ours_cannot_be_asked_about(minimax: Upstream) -> None:
    finding = minimax.provider.reconcile_voice(Doubt(minimax.clone_request(chosen_id=None), 1_500_000, None))

    assert (finding.truth, finding.source) == (Truth.UNKNOWN, "none")


@pytest.mark.parametrize("point", ["502_json", "reset_after_charge", "truncate_body"])
def test_an_unclear_answer_to_the_question_leaves_it_open(minimax: Upstream, point: str) -> None:
    minimax.break_at(point, minimax.routes.clone)
    finding = minimax.provider.reconcile_voice(minimax.doubt(minimax.clone_request(), 0))

    assert (finding.truth, finding.source) == (Truth.UNKNOWN, "same_id")


@pytest.mark.parametrize(
    ("point", "route", "raised"),
    [
        ("429", "/voice_clone", RateLimited),
        ("402", "/voice_clone", AccountBlocked),
        ("reset_before", "/files/upload", SafeRetry),
        ("502_json", "/files/upload", SafeRetry),
    ],
)
def test_a_question_that_was_not_heard_raises(
    minimax: Upstream, point: str, route: str, raised: type[Exception]
) -> None:
    minimax.break_at(point, route)
    with pytest.raises(raised):
        minimax.provider.reconcile_voice(minimax.doubt(minimax.clone_request(), 0))


def test_an_upload_that_broke_off_has_made_nothing_and_is_safe_to_repeat(minimax: Upstream) -> None:
    minimax.break_at("reset_after_upstream", "/files/upload")
    with pytest.raises(SafeRetry):
        minimax.provider.create_voice(minimax.clone_request())

    assert [call["route"] for call in minimax.sandbox.ledger()["calls"]] == ["/v1/files/upload"]


def test_a_deleted_voice_is_gone_and_its_id_with_it(minimax: Upstream) -> None:
    request, designed = minimax.clone_request(), minimax.design_request()
    for made in (minimax.provider.create_voice(request), minimax.provider.design_voice(designed)):
        minimax.speak(made.provider_voice_id)
        minimax.provider.delete_voice(made.provider_voice_id, designed=made.label == designed.label)
        with pytest.raises(VoiceGone):
            minimax.speak(made.provider_voice_id)
    with pytest.raises(Ambiguous):
        minimax.provider.create_voice(replace(minimax.clone_request(), chosen_id=request.chosen_id))
    with pytest.raises(VoiceGone):
        minimax.provider.delete_voice(str(request.chosen_id), designed=False)


def test_a_model_or_format_that_is_not_sold_is_not_sent(minimax: Upstream) -> None:
    with pytest.raises(Refused, match="wav"):
        minimax.speak("English_Archivist", form="wav")

    assert minimax.sandbox.ledger()["calls"] == []


def test_an_account_without_credit_is_told_in_https_own_number_although_the_answer_was_a_200(
    minimax: Upstream,
) -> None:
    minimax.break_at("402", "/voice_clone")
    with pytest.raises(AccountBlocked) as refused:
        minimax.provider.create_voice(minimax.clone_request())
    assert (refused.value.http_status, refused.value.provider_code) == (402, "1008")
