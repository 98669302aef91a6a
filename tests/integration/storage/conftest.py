from collections.abc import Iterator

import pytest

from pipeline.storage.s3 import S3Store
from tests.support.weed import Weed, weed_server


@pytest.fixture(scope="session")
def weed() -> Iterator[Weed]:
    with weed_server() as running:
        yield running


@pytest.fixture(scope="session")
def s3_store(weed: Weed) -> Iterator[S3Store]:
    """One bucket and one connection for all tests: making them anew takes most of a second."""
    store = S3Store(weed.endpoint, "callsheet", weed.access_key, weed.secret_key, page_size=3)
    store.ensure_bucket()
    yield store
    store.close()


@pytest.fixture
def empty_s3_store(s3_store: S3Store) -> S3Store:
    for left in list(s3_store.list("")):
        s3_store.delete(left.key)
    return s3_store
