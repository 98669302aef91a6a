"""One take is fetched and listened to, beside what is known of its voice. No rows here, and no transaction."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from pipeline.quality import Expectation, Judging, Verdict, Voiceprint, Voices, unjudged
from pipeline.storage.port import ObjectMissing, ObjectStore, StorageError

Heard: TypeAlias = Verdict | StorageError


@dataclass(frozen=True)
class Utterance:
    """Audio in the bucket, and what it should be."""

    key: str
    format: str
    expected: Expectation


@dataclass(frozen=True)
class Hearing:
    """A take that was claimed to be listened to."""

    id: str
    fence: int
    tries: int
    spoken: Utterance
    voice_id: str
    is_plain: bool
    """Whether it is in the voice as it is: one that was raised or lowered sounds like another."""


@dataclass(frozen=True)
class Listener:
    """Fetches takes and listens to them."""

    store: ObjectStore
    ears: Judging
    voices: Voices

    def hear(self, hearing: Hearing, earlier: Sequence[Utterance] = ()) -> Heard:
        """Return the verdict on a take; `earlier` are takes in its voice, where the voice is not known yet."""
        try:
            if not self.voices.knows(hearing.voice_id):
                self._meet(hearing.voice_id, earlier)
            voice = self.voices.of(hearing.voice_id) if hearing.is_plain else ()
            verdict = self._judge(hearing.spoken, voice)
        except ObjectMissing:
            return unjudged("its audio is not in the bucket")
        except StorageError as error:
            return error
        if hearing.is_plain:
            self.voices.learn(hearing.voice_id, verdict)
        return verdict

    def _meet(self, voice_id: str, earlier: Sequence[Utterance]) -> None:
        self.voices.meet(voice_id)
        for spoken in earlier:
            with suppress(StorageError):  # without it the voice is known a little less well
                self.voices.learn(voice_id, self._judge(spoken))

    def _judge(self, spoken: Utterance, voice: tuple[Voiceprint, ...] = ()) -> Verdict:
        return self.ears.judge(self.store.get(spoken.key), spoken.format, replace(spoken.expected, voice=voice))
