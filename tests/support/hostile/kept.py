"""What an episode and a pull read beside the script, made wrong at random: files of our own, music, covers.

Each is one number: the same number gives the same bytes.
"""

import json
import random
from collections.abc import Mapping
from functools import cache
from io import BytesIO

import av
import numpy as np

from tests.support.hostile.mutants import damaged, encoded
from tests.support.hostile.seeds import EXAMPLES
from tests.support.hostile.structures import json_lines_damaged, marks_put_in, rows_damaged, sprinkled
from tests.support.hostile.submissions import spoil
from tests.support.recordings import m4a_bytes, mp3_bytes, speech_like, wav_bytes

PLAN, REPORT, RECORD, MANIFEST, WORDS = "plan.json", "report.jsonl", "ice.episode.json", "manifest.json", "words.json"
MUSIC, COVER = "music.ogg", "cover.png"

_CHECK = {
    "name": "silence",
    "result": "failed",
    "value": 1.0,
    "lowest": None,
    "highest": 0.5,
    "unit": "",
    "reason": "x",
}
_TAKE = {"id": "a_1", "character": "MARA", "take": "take_1", "number": 1, "sha256": "0" * 64, "voice": "voice_1"}
_HEARD = {
    **_TAKE,
    "outcome": "good",
    "sentence": "All checks passed.",
    "checks": [_CHECK],
    "words": [{"word": "Hi", "start": 0.1, "end": 0.4}],
    "embedding": [0.6, 0.8],
}
_KEPT: Mapping[str, object] = {
    PLAN: {
        "callsheet_plan": 1,
        "production": "harbour",
        "provider": "stage",
        "digest": "a" * 64,
        "totals": {"total_micros": 8_400, "lines_to_speak": 1},
        "voices": [],
        "only": ["character:MARA"],
        "lines": [{"line_id": "a", "character": "MARA", "reason": "text", "price": 4_200}],
    },
    REPORT: _HEARD,
    RECORD: {"name": "ice", "seconds": 4.0, "made_of": "m", "hashes": {"ice.mp3": "0" * 64}, "sha256": "0" * 64},
    MANIFEST: {"id": "a_1", "language": "en", "file": "en/a_1.wav", "sha256": "0" * 64, "extras": {"scene": "pier"}},
    WORDS: [{"text": "Hi", "start": 0.1, "end": 0.4}],
}


def kept(number: int) -> tuple[str, dict[str, bytes]]:
    """One damaged file that Callsheet has written and reads again, and what was done to it."""
    chance = random.Random(number)
    name = chance.choice(list(_KEPT))
    text, made = f"{json.dumps(_KEPT[name])}\n", [name]
    for _ in range(chance.choice((1, 1, 2, 4))):
        change = chance.choice((json_lines_damaged, json_lines_damaged, rows_damaged, marks_put_in, sprinkled, _deep))
        text = change(chance, text)
        made.append(change.__name__)
    data = text.encode(errors="surrogatepass")
    return ", ".join(made), {name: spoil(chance, data) if chance.random() < 0.2 else data}


def _deep(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(("[", '{"a":', "1", "-")) * chance.choice((30, 5_000, 100_000)) + text[at:]


def media(number: int) -> tuple[str, dict[str, bytes]]:
    """A damaged piece of music, or a damaged cover, and what was done to it."""
    chance = random.Random(number)
    name = chance.choice((MUSIC, MUSIC, COVER))
    kind, data = chance.choice(_pictures() if name == COVER else _music())
    made, data = damaged(chance, data)
    return f"{kind}, {made}", {name: data}


@cache
def _music() -> list[tuple[str, bytes]]:
    sound = speech_like(1, 44_100)
    infinite = np.array(sound, copy=True)
    infinite[..., 100:110], infinite[..., 200] = np.inf, np.nan
    examples = EXAMPLES / "episode" / "music"
    return [
        ("mp3", mp3_bytes(sound)),
        ("wav", wav_bytes(sound, 44_100)),
        ("float wav", wav_bytes(sound, 44_100, 32, floating=True)),
        ("infinite wav", wav_bytes(infinite, 44_100, 32, floating=True)),
        ("m4a", m4a_bytes(sound)),
        ("ogg", (examples / "sting.ogg").read_bytes()),
        ("flac", encoded(sound, 44_100, "flac", "flac")),
    ]


@cache
def _pictures() -> list[tuple[str, bytes]]:
    found = [("png", (EXAMPLES / "episode" / "cover.png").read_bytes())]
    for codec, pixels in (("mjpeg", "yuvj420p"), ("png", "rgb24")):
        out = BytesIO()
        with av.open(out, "w", format="image2pipe") as output:
            stream = output.add_stream(codec, rate=1)
            stream.width = stream.height = 64
            stream.pix_fmt = pixels
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        found.append((codec, out.getvalue()))
    return found
