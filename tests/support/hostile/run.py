"""Runs numbered mutants through a cage and counts: what the tests and `benchmarks/fuzz.py` share."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.support.hostile.bait import WATCHABLE, Watch, watched
from tests.support.hostile.cage import Cage, Tally, Verdict
from tests.support.hostile.corpus import Hostile
from tests.support.hostile.handed_in import handed_in
from tests.support.hostile.kept import kept, media
from tests.support.hostile.mutants import BAIT_M4A, BAIT_SOUND, BAIT_TEXT, mutant
from tests.support.hostile.submissions import as_job, submission
from tests.support.recordings import m4a_bytes, speech_like, wav_bytes

DECODER, READER = "tests.support.hostile.jailed_decoder", "tests.support.hostile.jailed_reader"
MAKER = "tests.support.hostile.jailed_maker"
Make = Callable[[int], tuple[str, dict[str, bytes]]]
"""Gives the files of a number, and says what was done to them."""
REPLAY = "python -m benchmarks.fuzz --replay"


class Bench:
    """A folder with an inbox, where recordings lie beside files that nobody may open, and a work folder."""

    def __init__(self, folder: Path, watch: Watch | None, cage: Cage) -> None:
        self._recording = folder / "inbox" / "recording.mp3"
        self._work = folder / "work"
        self._watch = watch
        self._cage = cage

    def judge(self, data: bytes) -> Verdict:
        """What becomes of a recording; a file opened or left behind that is none of its business is a crash."""
        self._recording.write_bytes(data)
        verdict = self._cage.ask({"path": str(self._recording)})
        if opened := self._watch.opened() if self._watch else set():
            verdict.outcome, verdict.detail = "crashed", f"opened {', '.join(sorted(opened))}"
        if left := [path.name for path in self._work.iterdir()]:
            verdict.outcome, verdict.detail = "crashed", f"{verdict.detail} left behind {left}"
        return verdict


@contextmanager
def bench(folder: Path, *options: str) -> Iterator[Bench]:
    inbox = folder / "inbox"
    inbox.mkdir()
    (folder / "work").mkdir()
    baits = bait(inbox)
    watching = watched(*baits) if WATCHABLE else nullcontext()
    with watching as watch, Cage(DECODER, folder / "work", options=options) as cage:
        yield Bench(folder, watch, cage)


def bait(folder: Path) -> list[Path]:
    """Files beside a recording that would show, were one of them decoded."""
    (folder / BAIT_SOUND).write_bytes(wav_bytes(speech_like(13, 16_000), 16_000))
    (folder / BAIT_M4A).write_bytes(m4a_bytes(speech_like(13, 16_000), 16_000, 48_000))
    (folder / BAIT_TEXT).write_text("root:x:0:0\n")
    return [folder / name for name in (BAIT_SOUND, BAIT_M4A, BAIT_TEXT)]


def fuzz_audio(folder: Path, numbers: Iterable[int], *options: str) -> Tally:
    tally = Tally("audio")
    with bench(folder, *options) as taken:
        for number in numbers:
            made, data = mutant(number)
            tally.add(f"{REPLAY} audio:{number} ({made})", taken.judge(data))
    return tally


def fuzz_sheets(folder: Path, numbers: Iterable[int], *options: str) -> Tally:
    return _fuzz_files("sheets", submission, READER, folder, numbers, *options)


def fuzz_formats(folder: Path, numbers: Iterable[int], *options: str) -> Tally:
    return _fuzz_files("formats", handed_in, READER, folder, numbers, *options)


def fuzz_kept(folder: Path, numbers: Iterable[int], *options: str) -> Tally:
    return _fuzz_files("kept", kept, MAKER, folder, numbers, *options)


def fuzz_media(folder: Path, numbers: Iterable[int]) -> Tally:
    return _fuzz_files("media", media, MAKER, folder, numbers)


def _fuzz_files(kind: str, make: Make, jail: str, folder: Path, numbers: Iterable[int], *options: str) -> Tally:
    tally = Tally(kind)
    with Cage(jail, folder, options=options) as cage:
        for number in numbers:
            made, files = make(number)
            tally.add(f"{REPLAY} {kind}:{number} ({made})", cage.ask(as_job(files)))
    return tally


def unexpected(entry: Hostile, verdict: Verdict) -> str:
    """What is wrong with the end a file of the corpus has come to; empty where nothing is."""
    found = set(verdict.codes) or {verdict.outcome}
    if verdict.outcome == "crashed" or not found & entry.ends:
        return f"{entry.name}: {verdict.outcome} {sorted(found)} {verdict.detail}, expected {sorted(entry.ends)}"
    return ""
