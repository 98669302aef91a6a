"""Hostile input by the thousand: `python -m benchmarks.fuzz --audio 20000 --formats 20000 --from 2000`.

Each recording and each project is one number, so that a finding can be played again: `--replay audio:1234` does it and
`--keep FOLDER` writes the bytes as well. The tests take the first 2,000 of each.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.support.hostile.cage import Tally, summary
from tests.support.hostile.handed_in import handed_in
from tests.support.hostile.kept import kept, media
from tests.support.hostile.mutants import mutant
from tests.support.hostile.run import fuzz_audio, fuzz_formats, fuzz_kept, fuzz_media, fuzz_sheets
from tests.support.hostile.submissions import submission

RUNS = {"audio": fuzz_audio, "sheets": fuzz_sheets, "formats": fuzz_formats, "kept": fuzz_kept, "media": fuzz_media}
FILES = {"sheets": submission, "formats": handed_in, "kept": kept, "media": media}


def main() -> int:
    options = _options()
    if options.replay:
        return _replay(options.replay, options.keep)
    tallies = [
        _run(kind, range(options.start, options.start + count)) for kind in RUNS if (count := getattr(options, kind))
    ]
    for tally in tallies:
        for told in (*tally.failures, f"slowest: {tally.slowest}", f"largest: {tally.largest}"):
            print(told)
    print(summary(tallies))
    return int(any(tally.failures for tally in tallies))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=int, default=0, help="how many recordings")
    parser.add_argument("--sheets", type=int, default=0, help="how many projects with CSV sheets")
    parser.add_argument("--formats", type=int, default=0, help="how many projects with files of every other kind")
    parser.add_argument("--kept", type=int, default=0, help="how many files that Callsheet has written")
    parser.add_argument("--media", type=int, default=0, help="how many pieces of music and covers")
    parser.add_argument("--from", type=int, default=2000, dest="start", help="the first number")
    parser.add_argument("--replay", metavar="KIND:NUMBER", help="one recording or project, with what became of it")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="with --replay: the folder to write the bytes to")
    return parser.parse_args()


def _run(kind: str, numbers: range) -> Tally:
    with tempfile.TemporaryDirectory() as folder:
        return RUNS[kind](Path(folder), numbers)


def _replay(which: str, keep: Path | None) -> int:
    kind, _, number = which.partition(":")
    made, files = _bytes_of(kind, int(number))
    print(made)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (keep / name).write_bytes(data)
    tally = _run(kind, range(int(number), int(number) + 1))
    for line in [*tally.codes, *tally.failures, tally.line()]:
        print(line)
    return int(bool(tally.failures))


def _bytes_of(kind: str, number: int) -> tuple[str, dict[str, bytes]]:
    if kind == "audio":
        made, data = mutant(number)
        return made, {"recording.mp3": data}
    return FILES[kind](number)


if __name__ == "__main__":
    sys.exit(main())
