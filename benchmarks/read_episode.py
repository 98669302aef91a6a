"""Reads an episode back with tools that did not write it: length, chapters, tags, loudness, joins, captions, feed.

    python -m benchmarks.read_episode out/small-machines

An ffmpeg program reads the sound, feedparser the feed, pysubs2 the captions, and the quality gate's aligner listens
whether their words are said there. Ends with one line of `key=value` pairs, and with exit code 1 where something is
not as the episode's record says.
"""

import argparse
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import feedparser
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pysubs2

from benchmarks.captions import listen, reported
from benchmarks.promises.report import Report

Json = dict[str, Any]
RATE = 48_000
TARGET_LUFS, LU = -16.0, 0.5
CEILING_DBTP = -1.0
LENGTH_SECONDS, CHAPTER_SECONDS = 0.05, 0.02
EDGE_SECONDS = 0.002
LINE_CHARS = 65
MARKLESS = ("wav",)
"""Formats that hold neither chapters nor a cover."""
FITTING, TIMELY = 0.9, 0.95
_CHAPTER = re.compile(r"Chapter #\d+:\d+: start ([\d.]+), end ([\d.]+)\s+Metadata:\s+title\s*: (.+)")
_DURATION = re.compile(r"Duration: (\d+):(\d+):([\d.]+)")


def main() -> None:
    """Read all files of a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.read_episode", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (path,) = folder.glob("*.episode.json")
    record, report = json.loads(path.read_bytes()), Report()
    for file in record["files"]:
        _read_sound(folder / file["file"], record, report)
    _read_joins(folder / record["files"][0]["file"], record, report)
    _read_captions(folder, record, report)
    _read_feed(folder / f"{record['name']}.rss.xml", record, report)
    print(report.line(seconds=round(record["seconds"], 1)))
    sys.exit(1 if report.broken else 0)


def _read_sound(path: Path, record: Json, report: Report) -> None:
    told = _ffmpeg("-i", str(path), "-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-")
    (hours, minutes, seconds), suffix = _DURATION.findall(told)[0], path.suffix[1:]
    length = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    off = abs(length - record["seconds"])
    report.below(f"{suffix}: seconds off the length that was planned", f"{suffix}_length_off", off, LENGTH_SECONDS)
    summary = told[told.rindex("Summary:") :]
    lufs, peak = (float(re.findall(rf"{name}:\s+(-?[\d.]+)", summary)[0]) for name in ("I", "Peak"))
    report.figures |= {f"{suffix}_lufs": lufs, f"{suffix}_dbtp": peak}
    report.check(f"{suffix}: {lufs} LUFS are the target", abs(lufs - TARGET_LUFS) <= LU, True)
    report.check(f"{suffix}: {peak} dBTP are below the ceiling", peak <= CEILING_DBTP, True)
    if suffix in MARKLESS:
        return
    # What follows tells of the output, which is thrown away.
    read = told[: told.index("Output #0")]
    chapters = [(title.strip(), float(start)) for start, _, title in _CHAPTER.findall(read)]
    wanted = [(one["title"], one["start"]) for one in record["chapters"]]
    report.check(f"{suffix}: titles of the chapters", [title for title, _ in chapters], [title for title, _ in wanted])
    off = max((abs(one[1] - two[1]) for one, two in zip(chapters, wanted, strict=False)), default=0.0)
    report.below(f"{suffix}: seconds a chapter is off its place", f"{suffix}_chapter_off", off, CHAPTER_SECONDS)
    report.check(f"{suffix}: a cover is in it", "attached pic" in told, True)


def _read_joins(path: Path, record: Json, report: Report) -> None:
    """No line begins or ends with a step that is larger than those within speech."""
    sound = _samples(path)
    steps = np.abs(np.diff(sound))
    usual = float(np.percentile(steps, 99.9))
    reach = round(EDGE_SECONDS * RATE)
    edges = [round(line[end] * RATE) for line in record["lines"] for end in ("start", "end")]
    worst = max(float(steps[max(0, edge - reach) : edge + reach].max(initial=0.0)) for edge in edges)
    report.below("steps at the joins against those of speech", "join_step", worst / usual, 1.0)


def _read_captions(folder: Path, record: Json, report: Report) -> None:
    path = folder / f"{record['name']}.vtt"
    cues = pysubs2.load(str(path), keep_html_tags=True)
    report.figures["cues"] = len(cues)
    report.check("captions: cues without a speaker's name", [cue.text for cue in cues if "<v " not in cue.text], [])
    overlapping = [one.text for one, two in pairwise(cues) if one.end > two.start]
    report.check("captions: cues that overlap", overlapping, [])
    shown = [row for cue in cues for row in re.sub(r"<[^>]*>", "", cue.text).replace("\\N", "\n").split("\n")]
    report.check("captions: lines that are too long", [row for row in shown if len(row) > LINE_CHARS], [])
    heard = reported(list(listen(folder / record["files"][0]["file"], path)))
    report.figures |= {"cues_fitting": heard.fitting, "cues_timely": heard.timely, "median_ms": heard.median_ms}
    report.check(f"captions: {heard.fitting:.1%} of the cues fit the sound", heard.fitting >= FITTING, True)
    report.check(f"captions: {heard.timely:.1%} begin within 150 ms", heard.timely >= TIMELY, True)


def _read_feed(path: Path, record: Json, report: Report) -> None:
    feed = feedparser.parse(path.read_bytes())
    report.check("feed: well-formed", not feed.bozo, True)
    (entry,) = feed.entries
    first = record["files"][0]
    report.check("feed: length of the enclosure", int(entry.enclosures[0].length), first["bytes"])
    report.check("feed: seconds", int(entry.itunes_duration), round(record["seconds"]))


def _samples(path: Path) -> npt.NDArray[np.float32]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(RATE)]
    raw = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, dtype=np.float32)


def _ffmpeg(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


if __name__ == "__main__":
    main()
