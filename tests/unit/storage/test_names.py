from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.names import LONGEST_KEY, attachment, check_content, check_key
from pipeline.storage.port import InvalidObject


@pytest.mark.parametrize("key", ["a", "speech/acc/ab/cdef.mp3", "旅/🎙.wav", "k" * 255, ".hidden/..x", "a b"])
def test_ordinary_keys_pass(key: str) -> None:
    check_key(key)


@given(st.text(max_size=60) | st.lists(st.sampled_from([".", "..", "a", "", "~"]), max_size=6).map("/".join))
def test_no_key_that_passes_leads_out_of_a_folder(key: str) -> None:
    try:
        check_key(key)
    except InvalidObject:
        return
    segments = key.split("/")
    assert not {"", ".", ".."} & set(segments)
    assert not key.startswith("/")
    assert "\\" not in key
    assert key.isprintable()
    assert len(key.encode()) <= LONGEST_KEY


def test_the_refusal_shows_the_key_and_the_limit() -> None:
    with pytest.raises(InvalidObject, match=r"'é+ has 1200 bytes; at most 1024"):
        check_key("é" * 600)
    with pytest.raises(InvalidObject, match=r"'a/\.\./b' climbs"):
        check_key("a/../b")


@pytest.mark.parametrize("content_type", ["audio/mpeg", "text/csv; charset=utf-8", "application/vnd.x+json"])
def test_ordinary_content_passes(content_type: str) -> None:
    check_content(content_type, {"cost-micros": "2800", "n": "a=b; c"})


@given(st.text(min_size=1, max_size=80))
def test_no_file_name_breaks_out_of_its_header(filename: str) -> None:
    header = attachment(filename)

    assert header.isascii()
    assert header.isprintable()
    plain, encoded = header.removeprefix('attachment; filename="').split("\"; filename*=UTF-8''")
    assert '"' not in plain
    assert "\\" not in plain
    assert "/" not in plain
    assert unquote(encoded) == filename.encode(errors="replace").decode()
