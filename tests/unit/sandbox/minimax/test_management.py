from tests.support.sandbox_client import BOB, SYSTEM, MiniMaxClient, Sandboxes, number

MARA = "callsheet-mara-g1"
KINDS = ("system_voice", "voice_cloning", "voice_generation")


def listed(minimax: MiniMaxClient, kind: str = "all") -> dict[str, list[str]]:
    said = minimax("get_voice", {"voice_type": kind})
    return {name: [row["voice_id"] for row in said[name]] for name in KINDS}


def test_own_voices_are_listed_once_they_have_spoken(sandbox: Sandboxes, recording: bytes) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    minimax.clone(recording, MARA)
    silent = listed(minimax)
    minimax.speak(MARA)

    assert silent == {"system_voice": [SYSTEM], "voice_cloning": [], "voice_generation": []}
    assert listed(minimax) == {"system_voice": [SYSTEM], "voice_cloning": [MARA], "voice_generation": []}
    assert listed(minimax, "voice_cloning") == {"system_voice": [], "voice_cloning": [MARA], "voice_generation": []}
    assert listed(MiniMaxClient(client, BOB))["voice_cloning"] == []


def test_a_kind_of_voice_that_there_is_not_is_refused(sandbox: Sandboxes) -> None:
    minimax = MiniMaxClient(sandbox())

    assert number(minimax("get_voice", {"voice_type": "robots"})) == 2013
    assert number(minimax("delete_voice", {"voice_type": "system", "voice_id": SYSTEM})) == 2013


def test_a_deleted_voice_is_neither_listed_nor_heard_and_its_id_is_never_given_again(
    sandbox: Sandboxes, recording: bytes
) -> None:
    client = sandbox()
    minimax = MiniMaxClient(client)
    minimax.clone(recording, MARA)
    minimax.speak(MARA)
    asked = {"voice_type": "voice_cloning", "voice_id": MARA}
    strangers = number(MiniMaxClient(client, BOB)("delete_voice", asked))

    assert strangers == 2042
    assert number(minimax("delete_voice", asked)) == 0
    assert listed(minimax)["voice_cloning"] == []
    assert number(minimax.speak(MARA)) == 2054
    assert number(minimax.clone(recording, MARA)) == 2039
    assert number(minimax("delete_voice", asked)) == 2054
