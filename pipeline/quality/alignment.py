"""Lays the words of a script over a take (forced alignment with PocketSphinx, English)."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.quality.phones import Phones, pronounced, stated

RATE: Final = 16_000
"""Hz that the acoustic model was trained at."""
FRAMES_A_SECOND: Final = 100
_BEAM: Final = 1e-200
"""Far wider than for recognition: a wrong script has to fit as well, so that each of its words can be judged."""
_MODEL, _DICTIONARY = "en-us/en-us", "en-us/cmudict-en-us.dict"


class AlignerMissing(Exception):
    """PocketSphinx is not installed or does not load; the text says which."""


@dataclass(frozen=True)
class AlignedWord:
    """A word and the part of the take that is nearest to it, in seconds.

    `misfit` says how much less likely the word's sounds are than those that fit best there: the mean over its frames
    in the model's units, 0 at best. Words that were spoken mostly lie below 60, others above 100.
    """

    word: str
    start: float
    end: float
    misfit: float
    phone_misfits: tuple[float, ...] = ()
    """The same of each of its phones; empty for a word whose phones were guessed from its letters."""


class Aligner:
    """Holds the model; not to be shared between threads. Raises `AlignerMissing`."""

    def __init__(self) -> None:
        try:
            import pocketsphinx  # noqa: PLC0415 - an extra
        except (ImportError, OSError) as error:
            raise AlignerMissing(str(error)) from error
        self._decoder: Any = pocketsphinx.Decoder(
            hmm=pocketsphinx.get_model_path(_MODEL),
            dict=pocketsphinx.get_model_path(_DICTIONARY),
            lm=None,
            loglevel="FATAL",
            # Scores are relative to the best sound of each frame, of all that there are.
            compallsen=True,
            # Its paths may leave a sound one frame, which the second pass finds impossible.
            bestpath=False,
            **dict.fromkeys(("beam", "pbeam", "wbeam"), _BEAM),
        )

    def align(
        self, speech: NDArray[np.float32], words: Sequence[str], pronunciations: Mapping[str, str]
    ) -> tuple[AlignedWord, ...] | None:
        """Lay words over mono speech at 16 kHz; None where they do not fit in it at all."""
        names = [self._named(word, pronunciations.get(word)) for word in words]
        guessed = [word not in pronunciations and name != word for word, name in zip(words, names, strict=True)]
        pcm = (np.clip(speech, -1, 1) * 32767).astype("<i2").tobytes()
        self._decoder.set_align_text(" ".join(names))
        self._hear(pcm)
        if not self._decoder.hyp():
            return None
        try:
            self._decoder.set_alignment()
            self._hear(pcm)
        except RuntimeError:  # the path of the first pass leaves a sound too few frames
            return None
        return tuple(_aligned(zip(words, guessed, strict=True), self._decoder.get_alignment()))

    def _hear(self, pcm: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()

    def _known(self, word: str) -> Phones | None:
        phones = self._decoder.lookup_word(word)
        return tuple(phones.split()) if phones else None

    def _named(self, word: str, pronunciation: str | None) -> str:
        """Return the dictionary's name for a word, entered where it has none.

        A name tells the sounds, too: what one production's lexicon says must not change another's words.
        """
        choices = stated(pronunciation, self._known) if pronunciation else []
        if not choices and self._known(word):
            return word
        choices = [choice for choice in choices or pronounced(word, self._known) if choice]
        name = f"{word}~{hashlib.sha256(repr(choices).encode()).hexdigest()[:8]}"
        if choices and not self._known(name):
            for number, phones in enumerate(choices, start=1):
                self._decoder.add_word(name if number == 1 else f"{name}({number})", " ".join(phones), update=False)
        return name


def _aligned(words: Iterable[tuple[str, bool]], alignment: Iterable[Any]) -> Iterable[AlignedWord]:
    """Read the words, without the silences between them. An entry's phones are gone once the next entry is read."""
    rest = iter(words)
    for entry in alignment:
        if not entry.name.startswith(("<", "[")):
            word, guessed = next(rest)
            phones = () if guessed else tuple(_misfit(phone) for phone in entry)
            start, end = entry.start / FRAMES_A_SECOND, (entry.start + entry.duration) / FRAMES_A_SECOND
            yield AlignedWord(word, start, end, _misfit(entry), phones)


def _misfit(entry: Any) -> float:  # noqa: ANN401 - PocketSphinx has no annotations
    return -float(entry.score) / max(1, int(entry.duration))
