"""The errors say what to do next; the clock is aware and in UTC."""

from datetime import UTC, datetime

import pytest

from connector_defs.domain.clock import SystemClock
from connector_defs.domain.errors import (
    ConnectorError,
    Fatal,
    LaneBlocked,
    OutcomeUnknown,
    RecordRefused,
    RetryLater,
)


@pytest.mark.parametrize("kind", [Fatal, RetryLater, LaneBlocked, OutcomeUnknown])
def test_every_error_is_one_of_ours_and_keeps_its_text(kind: type[ConnectorError]) -> None:
    assert str(kind("what happened")) == "what happened"
    assert issubclass(kind, ConnectorError)


def test_a_blocked_lane_may_be_tried_again() -> None:
    assert issubclass(LaneBlocked, RetryLater)


def test_an_unknown_outcome_may_not_be_retried_blindly() -> None:
    assert not issubclass(OutcomeUnknown, RetryLater)


def test_a_refused_record_carries_its_code_and_a_retry_the_other_sides_wish() -> None:
    assert RecordRefused("no", code="HOLD").code == "HOLD"
    assert RetryLater("busy", retry_after=7).retry_after == 7
    assert RetryLater("busy").retry_after is None


def test_the_clock_shows_utc_and_returns_from_waiting() -> None:
    clock = SystemClock()
    before = datetime.now(UTC)
    clock.wait(0)
    assert clock.now() >= before
    assert clock.now().utcoffset() == before.utcoffset()
