"""Lists of millions: their items lie in a temporary file, and only as many as fit a page are in memory."""

import marshal
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, starmap
from typing import Generic, TypeVar, overload

T = TypeVar("T")

PAGE = 1_000
"""Items that are written and read together."""
IN_MEMORY = 1 << 20
"""Bytes up to which a list needs no file."""


class LongList(Sequence[T], Generic[T]):
    """A list that is written once and read as often as needed. Its file has no name and goes with it.

    `pack` turns an item into a tuple of plain values, `unpack` the tuple into the item. Not to be shared by threads.
    """

    def __init__(self, items: Iterable[T], pack: Callable[[T], tuple[object, ...]], unpack: Callable[..., T]) -> None:
        """Write the items to the end; whatever `items` raises passes through."""
        self._pack, self._unpack = pack, unpack
        self._ends = array("Q", [0])
        self._length = 0
        self._page: list[tuple[object, ...]] = []
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it lives as long as the list
        weakref.finalize(self, self._file.close)
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Add an item at the end."""
        self._page.append(self._pack(item))
        self._length += 1
        if len(self._page) == PAGE:
            self._file.seek(self._ends[-1])
            self._ends.append(self._ends[-1] + self._file.write(marshal.dumps(self._page)))
            self._page = []

    def __len__(self) -> int:
        """Return how many items there are."""
        return self._length

    def __iter__(self) -> Iterator[T]:
        """Read the items in order, page by page."""
        pages = map(self._read, range(self._length // PAGE + 1))
        return starmap(self._unpack, chain.from_iterable(pages))

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        """Read one item, or some."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._length))]
        number = index + self._length if index < 0 else index
        if not 0 <= number < self._length:
            raise IndexError(index)
        page, place = divmod(number, PAGE)
        return self._unpack(*self._read(page)[place])

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence, item by item."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # it can be appended to

    def _read(self, page: int) -> list[tuple[object, ...]]:
        if page == len(self._ends) - 1:
            return self._page
        self._file.seek(self._ends[page])
        found: list[tuple[object, ...]] = marshal.loads(self._file.read(self._ends[page + 1] - self._ends[page]))  # noqa: S302 - nobody else can write this file
        return found


def pages(items: Iterable[T], size: int = PAGE) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    page: list[T] = []
    for item in items:
        page.append(item)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
