"""The page of a cast's voices: all of it in one file, and nothing of it is taken for markup."""

import base64
import re
from typing import Any

from pipeline.cli.auditions import LONGEST_RECORDING, fetched, page

Json = dict[str, Any]


def voice(label: str = "mara", **change: Any) -> Json:
    return {
        "id": f"voice_{label}",
        "label": label,
        "kind": "cloned",
        "state": "ready",
        "voice_id": "kyma_1",
        "problem": None,
        "message": None,
        "description": None,
        "consent": {"talent": "Mara Quill", "granted_by": "Mara Quill", "revoked_at": None},
        "reference": {"file": "mara.wav", "mime": "audio/wav", "measured": {"size_bytes": 4}, "url": "at:reference"},
        "spoken": [{"production": "game", "takes": 17, "cost_micros": 104_440}],
        "audition": {"text": "This is how I sound.", "mime": "audio/mpeg", "url": "at:audition"},
        **change,
    }


class Api:
    """Knows some voices, and the sound behind each link."""

    def __init__(self, *voices: Json) -> None:
        self.voices = {one["id"]: one for one in voices}
        self.downloads: list[str] = []

    def get(self, path: str) -> Json:
        return self.voices[path.removeprefix("/voices/")]

    def download(self, url: str) -> bytes:
        self.downloads.append(url)
        return url.encode()


def written(*voices: Json) -> str:
    return "".join(page(*fetched(Api(*voices), voices)))  # type: ignore[arg-type] # answers as the client does


def test_every_voice_has_a_player_for_its_first_words_and_for_what_it_was_made_of() -> None:
    html = written(voice(), voice("bram"))
    assert html.count("<article>") == 2
    sounds = re.findall(r"src='data:([^;]+);base64,([^']+)'", html)
    assert [(kind, base64.b64decode(sound)) for kind, sound in sounds] == [
        ("audio/mpeg", b"at:audition"),
        ("audio/wav", b"at:reference"),
    ] * 2
    assert "game: 17 takes, $0.104440" in html


def test_the_page_asks_nobody_for_anything() -> None:
    html = written(voice())
    assert not re.search(r"(?:src|href)=['\"](?!data:)", html)
    assert "url(" not in html


def test_no_name_is_taken_for_markup() -> None:
    bad = "<script>alert('x')</script>"
    html = written(
        voice(
            label=bad,
            id="voice_bad",
            message=bad,
            problem="refused",
            spoken=[{"production": bad, "takes": 1, "cost_micros": 1}],
            consent={"talent": bad, "granted_by": bad, "revoked_at": "2026-01-01"},
            audition={"text": bad, "mime": bad, "url": "at:audition"},
            reference={"file": bad, "mime": bad, "measured": {}, "url": "at:reference"},
        )
    )
    assert "<script" not in html
    assert "'x'" not in html


def test_a_voice_that_has_not_spoken_yet_says_so_and_a_long_recording_stays_out() -> None:
    long = {
        "file": "long.wav",
        "mime": "audio/wav",
        "measured": {"size_bytes": LONGEST_RECORDING + 1},
        "url": "at:long",
    }
    api = Api(voice(audition=None, reference=long), voice("bram", audition={"text": "…", "mime": None, "url": None}))
    shown, sounds = fetched(api, list(api.voices.values()))  # type: ignore[arg-type] # answers as the client does
    html = "".join(page(shown, sounds))
    assert "too long for this page" in html
    assert "not there yet" in html
    assert api.downloads == ["at:reference"]
