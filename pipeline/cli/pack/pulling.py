"""One pull: name every file, see what stands already, bring the rest, then the lists, and the manifest last."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pipeline.audio import AudioRejected, AudioToolFailed, Delivery
from pipeline.cli.client import Client, require_whole, segment
from pipeline.cli.disk import write_whole, writing_to
from pipeline.cli.pack.archiving import write_archive
from pipeline.cli.pack.converting import Converter, cores
from pipeline.cli.pack.keeping import Journal, manifest_entries, remove, sha256_of, write_text
from pipeline.cli.pack.progress import PullProgress
from pipeline.cli.pack.sealing import Seal, Unsealed, forget_sidecar, require_own_sidecars, stands_beside
from pipeline.cli.pack.worklist import Row, Worklist
from pipeline.errors import EnvironmentFault
from pipeline.packs.rules import Asked, DeliveryClass, Layout, PackPlan, delivery_class, lists, manifest, planned
from pipeline.provenance import SigningFailed, sidecar_of

Json = dict[str, Any]
T = TypeVar("T")
THREADS = 8
_AT_ONCE = 250
"""Lines whose links are taken up together: a link is valid for ten minutes."""

_LISTS: dict[Layout, tuple[str, Callable[[Iterable[Json], str], Iterator[str]]]] = {
    Layout.FMOD: (lists.FMOD_KEYS, lists.fmod_keys),
    Layout.UNREAL: (lists.UNREAL_SCRIPT, lists.unreal_script),
}
"""Lists that an engine wants for each language."""


class Brought(NamedTuple):
    """What became of a line: its entry, or the reason why it has none."""

    row: Row
    entry: Json | None = None
    written: bool = False
    problem: Json | None = None


class Puller:
    """Brings a production's files into a folder."""

    def __init__(
        self,
        client: Client,
        folder: Path,
        asked: Asked | None = None,
        *,
        prune: bool = False,
        seal: Seal | None = None,
        languages: Sequence[str] = (),
        archive: Path | None = None,
    ) -> None:
        """Prepare a pull.

        `languages` are those that the project declares, whether there are lines in them or not; `archive` is a file to
        hold all of the pack.
        """
        self._client = client
        self._folder = folder
        self._asked = asked or Asked()
        self._prune = prune
        self._seal = seal or Unsealed()
        self._languages = languages
        self._archive = archive

    def pull(self, production: str) -> Json:
        """Fetch what is missing or has changed, and write the lists, manifest.csv and manifest.json.

        Raises `UsageError` before anything is written where lines cannot be named, and `EnvironmentFault`.
        """
        with Worklist() as work:
            work.list_lines(self._lines(production), production)
            plan = planned(self._asked, work.languages())
            work.name_files(plan)
            if self._seal.signs:
                require_own_sidecars(work.spoken())
            with writing_to(self._folder), Journal(self._folder) as journal:
                work.remember(chain(manifest_entries(self._folder), journal.entries()))
                job = _Job(self._client, self._folder, plan, self._seal, work, journal)
                told = job.bring(lambda: self._lines(production))
                told |= job.settle(production, self._languages, prune=self._prune)
                journal.finish()
                if self._archive is not None:
                    write_archive(self._archive, self._folder, job.files())
        archive = str(self._archive) if self._archive else None
        return {"folder": str(self._folder), "archive": archive, "layout": plan.layout.value, **told}

    def _lines(self, production: str) -> Iterator[Json]:
        return self._client.pages(f"/productions/{segment(production)}/pack", "position")


class _Job:
    """The part of a pull that writes."""

    def __init__(
        self, client: Client, folder: Path, plan: PackPlan, seal: Seal, work: Worklist, journal: Journal
    ) -> None:
        self._client, self._folder, self._plan = client, folder, plan
        self._seal, self._work, self._journal = seal, work, journal
        self._listed: list[str] = []

    def bring(self, lines: Callable[[], Iterable[Json]]) -> Json:
        """Deliver every spoken line; returns how many files were fetched and kept, and which failed."""
        with _threads() as pool:
            for row, entry in _spread(pool, self._standing, self._work.spoken()):
                if entry:
                    self._work.enter(row, entry)
            due = self._work.due_count()
            with Converter(due) as self._converter, PullProgress(due) as progress:
                written, failed = 0, []
                for brought in _spread(pool, self._bring, self._due(lines) if due else ()):
                    written += brought.written
                    if brought.problem:
                        failed.append(brought.problem)
                    self._note(brought)
                    progress.advance()
        if self._work.due_count() > len(failed):
            raise _moved_on()
        return {"fetched": written, "kept": self._work.spoken_count() - written - len(failed), "failed": failed}

    def settle(self, production: str, declared: Sequence[str], *, prune: bool) -> Json:
        """Write the lists and the manifest, and see to the files that no line has any more."""
        work = self._work
        written = [{"file": file, "sha256": digest} for file, digest in self._write_lists()]
        self._listed = [one["file"] for one in written]
        outdated, unwanted, pruned = self._left_over(set(self._listed), prune=prune)
        languages = work.missing_languages(declared)
        facts: Json = {
            "production": production,
            "layout": self._plan.layout.value,
            "name": self._plan.template.text,
            "missing": work.missing(),
            "missing_languages": languages,
        }
        parts: dict[str, Iterable[object]] = {
            "lines": work.entries(),
            "lists": written,
            "left_over": [*outdated, *unwanted],
        }
        write_text(self._folder / manifest.MANIFEST_TABLE, manifest.as_table(work.entries(), work.columns()))
        write_text(self._folder / manifest.MANIFEST, manifest.as_json(facts, parts))
        return {
            "missing": facts["missing"],
            "missing_languages": languages,
            "off_target": [entry["key"] for entry in work.delivered() if manifest.misses_target(entry)],
            "rejected": [entry["key"] for entry in work.delivered() if manifest.is_rejected(entry)],
            "doubted": [entry["key"] for entry in work.delivered() if manifest.is_doubted(entry)],
            "suspended": [entry["file"] for entry in work.delivered() if entry.get("suspended_talent")],
            "outdated": [one["file"] for one in outdated],
            "unwanted": [one["file"] for one in unwanted],
            "pruned": pruned,
            **self._seal.told(work.delivered()),
        }

    def files(self) -> Iterator[str]:
        """Yield all that the pack is made of, once it is settled: what is left over of others is none of it."""
        yield from (manifest.MANIFEST, manifest.MANIFEST_TABLE, *self._listed)
        for entry in self._work.delivered():
            yield entry["file"]
            if entry.get("sidecar_sha256"):
                yield sidecar_of(Path(entry["file"])).as_posix()

    def _standing(self, row: Row) -> tuple[Row, Json | None]:
        """Return the entry of a line whose file is there, unchanged, and just as it is wanted."""
        known, base = row.known, self._base(row.line)
        if (
            known is None
            or any(known.get(name) != base[name] for name in ("source_sha256", "settings"))
            or known["sha256"] != sha256_of(self._folder / row.file)
            or not stands_beside(self._folder / row.file, known)
        ):
            return row, None
        measured = {name: known.get(name) for name in (*manifest.LEVELS, *manifest.MEASURED, *manifest.SIGNED)}
        return row, {**base, "file": row.file, **measured}

    def _base(self, line: Json) -> Json:
        """Return what is known of a line's file before it is written."""
        spoken, wanted = self._wanted(line)
        return {
            **line,
            "delivery_class": spoken,
            "target_lufs": wanted.target_lufs if wanted else None,
            "source_sha256": line["sha256"],
            "settings": self._plan.settings(wanted) + self._seal.settings,
        }

    def _wanted(self, line: Json) -> tuple[DeliveryClass | None, Delivery | None]:
        """Return the file that is wanted, and by which class its level was chosen, where one is."""
        if self._plan.delivery is None:
            return None, None
        wanted = replace(self._plan.delivery, tail_seconds=self._plan.tail_seconds(line["extras"]))
        if wanted.target_lufs is None:
            return None, wanted
        spoken = delivery_class(line["extras"], line["direction"])
        return spoken, replace(wanted, target_lufs=wanted.target_lufs + spoken.offset_lu)

    def _due(self, lines: Callable[[], Iterable[Json]]) -> Iterator[tuple[Row, str]]:
        """Yield what is to be brought, each with a fresh link."""
        for line in lines():
            row = self._work.due(line["id"], line["language"])
            if row and line["sha256"] == row.line["sha256"] and line["url"]:
                yield row, line["url"]

    def _bring(self, due: tuple[Row, str]) -> Brought:
        row, url = due
        wanted = self._wanted(row.line)[1]
        try:
            return self._converted(row, url, wanted) if wanted else self._as_is(row, url)
        except (AudioRejected, AudioToolFailed, SigningFailed) as error:
            return Brought(row, problem={"id": row.line["key"], "file": row.file, "message": error.message})

    def _converted(self, row: Row, url: str, wanted: Delivery) -> Brought:
        line = row.line
        take = self._download(line, url)
        delivered, signed = self._seal.put(
            row, self._folder / row.file, lambda path: self._converter.deliver(take, line["format"], path, wanted)
        )
        entry = {**self._base(line), "file": row.file, **manifest.of_file(delivered), **signed}
        return Brought(row, entry, written=True)

    def _as_is(self, row: Row, url: str) -> Brought:
        target, line = self._folder / row.file, row.line
        there = sha256_of(target) == line["sha256"]
        take = target.read_bytes() if there else self._download(line, url)
        stays = there and not self._seal.signs
        _, signed = self._seal.put(row, target, lambda path: None if stays else write_whole(path, take))
        entry = {**self._base(line), "file": row.file, **self._levels(take, line["format"]), **signed}
        return Brought(row, entry, written=not stays)

    def _levels(self, take: bytes, coding: str) -> Json:
        try:
            return manifest.of_take(self._converter.measure(take, coding))
        except (AudioRejected, AudioToolFailed):
            return manifest.of_take(None)

    def _download(self, line: Json, url: str) -> bytes:
        return require_whole(self._client.download(url), line["sha256"], f"The take of {line['id']}")

    def _note(self, brought: Brought) -> None:
        if brought.entry:
            self._work.enter(brought.row, brought.entry)
            self._journal.add(brought.entry)

    def _write_lists(self) -> Iterator[tuple[str, str]]:
        """Write what the engine reads beside the files; yields each list's path in the pack, and its hash."""
        if self._plan.layout is Layout.WWISE:
            root = self._folder.resolve().name
            yield self._write_list(lists.WWISE_LIST, lists.wwise_list(self._work.delivered(), root))
        maker = _LISTS.get(self._plan.layout)
        if maker is None:
            return
        name, make = maker
        for language in self._work.languages():
            home = self._plan.template.home(language)
            yield self._write_list(f"{home}/{name}" if home else name, make(self._work.entries(language), home))

    def _write_list(self, file: str, pieces: Iterable[str]) -> tuple[str, str]:
        return file, write_text(self._folder / file, pieces)

    def _left_over(self, listed: set[str], *, prune: bool) -> tuple[list[Json], list[Json], list[str]]:
        """Return what is left of lines with no newer file, what nobody wants, and what of it was deleted."""
        outdated: list[Json] = []
        unwanted: list[Json] = []
        pruned: list[str] = []
        for entry, is_of_a_line in self._work.left_over(listed):
            there = sha256_of(self._folder / entry["file"])
            if there is None:
                continue
            if is_of_a_line:
                outdated.append(entry)
            elif prune and there == entry["sha256"]:
                forget_sidecar(self._folder / entry["file"], entry)
                remove(self._folder, entry["file"])
                pruned.append(entry["file"])
            else:
                unwanted.append(entry)
        return outdated, unwanted, pruned


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Offer threads; whatever ends the work early drops what is not begun."""
    pool = ThreadPoolExecutor(max(THREADS, cores() + 1))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _spread(pool: ThreadPoolExecutor, work: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
    """Yield the work on each item in order, a bounded number of them at a time."""
    waiting = iter(items)
    while batch := list(islice(waiting, _AT_ONCE)):
        yield from pool.map(work, batch)


def _moved_on() -> EnvironmentFault:
    return EnvironmentFault(
        "Lines were spoken anew while they were fetched.", hint="Pull again: what is done already is not done again."
    )
