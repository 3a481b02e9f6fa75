"""Two seconds of requests put together by chance; `make proof` takes sixty."""

from pathlib import Path

import pytest

from connector_tests.console.fuzz import fuzz


@pytest.mark.covers("F21", "H21")
def test_no_request_is_a_fault_of_ours_and_no_unsigned_body_is_kept(tmp_path: Path) -> None:
    found = fuzz(tmp_path, 2.0, start=1)

    assert found.flaws == []
    assert found.requests > 50
