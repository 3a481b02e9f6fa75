"""A burst of notifications, and a kill in the midst of one, against the real command; `make proof` takes thousands."""

import random
from pathlib import Path

import pytest

from connector_tests.console.burst import burst, killed_burst
from connector_tests.console.notifications import SECRET


@pytest.mark.covers("F22")
def test_f22_a_burst_is_durable_answered_and_none_of_it_stands_twice(tmp_path: Path) -> None:
    outcome = burst(tmp_path, 200)

    assert outcome.flaws == []
    log = (tmp_path / "serve.log").read_text(encoding="utf-8")
    assert not [word for word in ("Traceback", "POST", SECRET) if word in log]


@pytest.mark.covers("F22", "F21")
def test_f22_a_receiver_killed_amid_a_burst_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    assert killed_burst(tmp_path, 200, random.Random(7)).flaws == []
