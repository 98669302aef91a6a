from collections.abc import Iterator

import pytest

from tests.support.stack import RunningStack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """One stack for all tests that neither break it nor need their own."""
    with running_stack() as running:
        yield running
