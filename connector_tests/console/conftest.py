"""One receiver for many requests: starting and stopping one takes a third of a second."""

from collections.abc import Iterator

import pytest

from connector_tests.console.scene import Running, receiving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A receiver that nobody is refused by for being many."""
    with receiving(tmp_path_factory.mktemp("receiver")) as started:
        yield started
