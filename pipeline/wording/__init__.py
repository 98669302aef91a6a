"""Text the way it is said: numbers, dates, abbreviations and symbols as English words, any script in Latin letters.

Both who speaks a line and who listens to it have to know what its words are.
"""

from pipeline.wording.readings import Reading, readings, reads
from pipeline.wording.said_as import KINDS, ORDERS, said_as
from pipeline.wording.spoken_text import LONGEST_CHUNK, chunks, spoken

__all__ = [
    "KINDS", "LONGEST_CHUNK", "ORDERS", "Reading", "chunks", "readings", "reads", "said_as", "spoken",
]  # fmt: skip
