"""References, seen from outside: a recording in, a normalised file and its measurements out."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.audio.bounded import ChildLimits, run_bounded
from pipeline.audio.levels import Levels
from pipeline.audio.rejection import AudioRejected, AudioToolFailed, Problem, rejected
from pipeline.audio.rules import Part, ReferenceRules, SourceFacts
from pipeline.audio.sniff import SNIFF_BYTES, Container, looks_like, sniff

_CHILD = "pipeline.audio.child"
_UNREADABLE = "the reader of recordings gave no readable answer"


@dataclass(frozen=True)
class PreparedReference:
    """A normalised reference (mono, level set, trimmed, under the provider's limit) and what was measured.

    `before` describes the recording as delivered; `after` was measured on the written file, decoded again.
    """

    path: Path
    container: Container
    mime: str
    codec: str
    sample_rate: int
    bit_rate: int | None
    encoding_reason: str
    size_bytes: int
    sha256: str
    source: SourceFacts
    before: Levels
    after: Levels
    gain_db: float
    trimmed_start_seconds: float
    trimmed_end_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    warnings: Sequence[Problem] = ()
    """What a person should hear before it is cloned; no reason to refuse it."""

    def as_dict(self) -> dict[str, Any]:
        """Return every figure as JSON values, without the path."""
        values = asdict(self)
        del values["path"]
        return values


def prepare_reference(
    source: Path,
    workdir: Path,
    rules: ReferenceRules | None = None,
    limits: ChildLimits | None = None,
    *,
    part: Part | None = None,
) -> PreparedReference:
    """Validate a recording, or a part of it, and write its normalised form to `workdir/normalised.<ext>`.

    Raises `AudioRejected` with every problem found, and `AudioToolFailed` where the recording could not be
    judged. Either way nothing is left in `workdir`.
    """
    rules, limits = rules or ReferenceRules(), limits or ChildLimits()
    container = _admit(source, rules)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="decode-") as scratch:
        request = {
            "source": str(source.resolve()),
            "container": container,
            "rules": asdict(rules),
            "limits": asdict(limits),
            "part": part,
        }
        answer = _answer(run_bounded(_CHILD, [json.dumps(request)], Path(scratch), limits))
        return _moved(_prepared(Path(scratch), answer), workdir)


def _admit(source: Path, rules: ReferenceRules) -> Container:
    """Refuse what needs no decoding to be refused: nothing, too much, or something else."""
    size = source.stat().st_size
    if size == 0:
        raise rejected(
            "empty",
            "the file is empty",
            measured="0 bytes",
            allowed="a recording",
            hint="copy the file again from its source",
        )
    if size > rules.max_bytes:
        raise rejected(
            "too_large",
            f"the file has {size} bytes; {rules.max_bytes} are allowed",
            measured=f"{size} bytes",
            allowed=f"{rules.max_bytes} bytes",
            hint="cut the recording to five minutes, or export it at 48 kHz and 24 bit",
        )
    with source.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    container = sniff(head)
    if container is None:
        raise rejected(
            "unknown_format",
            f"this is no MP3, WAV or M4A recording: it looks like {looks_like(head)}",
            measured=looks_like(head),
            allowed="MP3, WAV or M4A, judged by content and not by name",
            hint="export the recording as WAV, MP3 or M4A",
        )
    return container


def _answer(stdout: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(stdout)
        verdict = _no_result(answer)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise AudioToolFailed(_UNREADABLE) from error
    if verdict is not None:
        raise verdict
    return answer


def _no_result(answer: dict[str, Any]) -> AudioRejected | AudioToolFailed | None:
    if "problems" in answer:
        return AudioRejected([Problem(**problem) for problem in answer["problems"]])
    if "failed" in answer:
        return AudioToolFailed(answer["failed"], hint=answer["hint"])
    return None


def _prepared(scratch: Path, answer: dict[str, Any]) -> PreparedReference:
    """Take the child's word for the figures alone: it has read hostile bytes, so where its file lies is ours to say."""
    try:
        container = Container(answer["encoding"]["container"])
        return _described(scratch / f"normalised.{container}", container, answer)
    except (ValueError, TypeError, LookupError, OSError) as error:
        raise AudioToolFailed(_UNREADABLE) from error


def _moved(prepared: PreparedReference, workdir: Path) -> PreparedReference:
    return replace(prepared, path=prepared.path.replace(workdir / prepared.path.name))


def _described(path: Path, container: Container, answer: dict[str, Any]) -> PreparedReference:
    encoding = answer["encoding"]
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return PreparedReference(
        path=path,
        container=container,
        mime=container.mime,
        codec=encoding["codec"],
        sample_rate=encoding["sample_rate"],
        bit_rate=encoding["bit_rate"],
        encoding_reason=encoding["reason"],
        size_bytes=answer["size_bytes"],
        sha256=sha256,
        source=SourceFacts(**answer["source"]),
        before=Levels(**answer["before"]),
        after=Levels(**answer["after"]),
        gain_db=answer["gain_db"],
        trimmed_start_seconds=answer["trimmed_start_seconds"],
        trimmed_end_seconds=answer["trimmed_end_seconds"],
        cpu_seconds=answer["cpu_seconds"],
        peak_rss_bytes=answer["peak_rss_bytes"],
        warnings=[Problem(**warning) for warning in answer["warnings"]],
    )
