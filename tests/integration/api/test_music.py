"""The music that an account's episodes share lies in the bucket, and nowhere else."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.packs.service import music
from pipeline.storage.port import ObjectTooLarge
from tests.integration.api.callers import Caller, error, sha256
from tests.support.stage import Stage

THEME, OTHER = b"a theme", b"another theme"


def asked(caller: Caller, name: str, body: bytes, **change: object) -> httpx.Response:
    wish = {"suffix": ".mp3", "sha256": sha256(body), "bytes": len(body)} | change
    return caller.send("PUT", f"/v1/music/{name}", json=wish)


def added(caller: Caller, name: str, body: bytes, **change: object) -> None:
    form = asked(caller, name, body, **change).json()["form"]
    caller.stage.store.accept_upload(form["fields"], body)


def listed(caller: Caller) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in caller.get("/v1/music").json()["data"]}


def test_a_piece_has_its_name_once_it_is_uploaded_and_can_be_fetched(studio: Caller, stage: Stage) -> None:
    form = asked(studio, "theme", THEME).json()["form"]
    assert listed(studio) == {}
    stage.store.accept_upload(form["fields"], THEME)
    (row,) = listed(studio).values()
    told = {name: row[name] for name in ("name", "number", "suffix", "bytes", "sha256")}
    assert told == {"name": "theme", "number": 1, "suffix": ".mp3", "bytes": 7, "sha256": sha256(THEME)}
    assert stage.store.fetch(row["url"])[0] == THEME
    assert asked(studio, "theme", THEME).json() == {
        "name": "theme", "sha256": sha256(THEME), "present": True, "form": None
    }  # fmt: skip


def test_another_account_neither_sees_nor_replaces_nor_removes_it(caller: Callable[[], Caller]) -> None:
    mine, other = caller(), caller()
    added(mine, "theme", THEME)
    assert listed(other) == {}
    assert other.send("DELETE", "/v1/music/theme").status_code == 404
    added(other, "theme", OTHER, replace=True)
    other.send("DELETE", "/v1/music/theme")
    assert listed(mine)["theme"]["sha256"] == sha256(THEME)


def test_a_name_that_is_taken_is_given_to_another_piece_only_where_that_is_asked_for(studio: Caller) -> None:
    added(studio, "theme", THEME)
    refused = asked(studio, "theme", OTHER)
    assert (refused.status_code, error(refused)["code"]) == (409, "conflict")
    assert "--replace" in error(refused)["hint"]
    added(studio, "theme", OTHER, replace=True)
    added(studio, "theme", THEME, replace=True)
    assert (listed(studio)["theme"]["number"], listed(studio)["theme"]["sha256"]) == (3, sha256(THEME))


def test_of_two_that_come_at_once_everybody_takes_the_same(studio: Caller, stage: Stage) -> None:
    forms = [(body, asked(studio, "theme", body).json()["form"]) for body in (THEME, OTHER)]
    for body, form in forms:
        stage.store.accept_upload(form["fields"], body)
    newest = max(sha256(THEME), sha256(OTHER))
    assert listed(studio)["theme"]["sha256"] == newest
    for piece in list(stage.store.list(f"music/{studio.account_id}/")):  # whatever a listing's order
        assert music.shelved(stage.store, studio.account_id)[0].sha256 == newest, piece


def test_a_name_that_is_removed_is_gone_with_all_that_was_under_it(studio: Caller, stage: Stage) -> None:
    added(studio, "theme", THEME)
    added(studio, "theme", OTHER, replace=True)
    added(studio, "theme-2", OTHER)
    assert studio.send("DELETE", "/v1/music/theme").json() == {"name": "theme", "removed": True}
    assert list(listed(studio)) == ["theme-2"]
    assert len(list(stage.store.list("music/"))) == 1
    again = studio.send("DELETE", "/v1/music/theme")
    assert (again.status_code, error(again)["code"]) == (404, "not_found")


def test_a_form_takes_no_more_than_was_declared_and_none_is_given_beyond_the_limit(studio: Caller) -> None:
    form = asked(studio, "theme", THEME).json()["form"]
    with pytest.raises(ObjectTooLarge):
        studio.stage.store.accept_upload(form["fields"], THEME + b"!")
    largest = studio.stage.edge.reference_rules.max_bytes
    assert asked(studio, "long", THEME, bytes=largest).status_code == 200
    assert asked(studio, "long", THEME, bytes=largest + 1).status_code == 400


def test_a_cover_is_shared_as_music_is(studio: Caller) -> None:
    added(studio, "art", b"a picture", suffix=".png")
    assert listed(studio)["art"]["suffix"] == ".png"


@pytest.mark.parametrize("change", [{"suffix": ".exe"}, {"sha256": "a/../b"}, {"bytes": 0}, {"path": "x"}])
def test_what_is_no_music_is_refused(studio: Caller, change: dict[str, object]) -> None:
    assert asked(studio, "theme", THEME, **change).status_code == 422


@pytest.mark.parametrize("name", ["Theme", "..", "a%2Fb", "a b", "ä", "x" * 64, "a%0A"])
def test_what_is_no_name_is_refused(studio: Caller, name: str) -> None:
    assert asked(studio, name, THEME).status_code in (404, 422)


def test_there_are_only_so_many_names(studio: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music, "MOST_PIECES", 1)
    added(studio, "theme", THEME)
    assert "the most there may be" in error(asked(studio, "bed", THEME))["message"]
    assert asked(studio, "theme", OTHER, replace=True).status_code == 200


def test_they_are_listed_in_pages_and_what_is_no_piece_is_not(studio: Caller, stage: Stage) -> None:
    for name in ("c", "a", "b"):
        added(studio, name, THEME)
    stage.store.put(f"music/{studio.account_id}/notes/readme.txt", b"x", content_type="text/plain")
    first = studio.get("/v1/music", limit=2).json()
    assert ([row["name"] for row in first["data"]], first["has_more"]) == (["a", "b"], True)
    rest = studio.get("/v1/music", limit=2, after="b").json()
    assert ([row["name"] for row in rest["data"]], rest["has_more"]) == (["c"], False)
