"""e.net logon as sites know it: one session per operator, few seats, ids to be taken as they come."""

import pytest

from connector_defs.sandbox.syspro import SysproOptions
from connector_tests.sandbox.syspro_wire import Wire, running

LOST = "ERROR: The supplied UserID is invalid."


def profile(wire: Wire, session: str) -> str:
    return wire.text("GetLogonProfile", UserId=session)


def test_a_logon_opens_a_session_and_a_logoff_ends_it() -> None:
    with running() as wire:
        assert [each.operator for each in wire.sandbox.sessions] == ["INTEG"]
        assert wire.text("Logoff", UserId=wire.session) == "0"
        assert wire.sandbox.sessions == ()
        assert profile(wire, wire.session).startswith(LOST)


def test_the_profile_tells_whose_session_it_is() -> None:
    with running() as wire:
        answer = profile(wire, wire.session)
        assert "<OperatorCode>INTEG</OperatorCode>" in answer
        assert "<LocalCurrencyCode>$</LocalCurrencyCode>" in answer


def test_a_second_logon_of_the_operator_evicts_the_first() -> None:
    with running() as wire:
        first = wire.session
        wire.logon()
        assert profile(wire, first).startswith(LOST)
        assert not profile(wire, wire.session).startswith("ERROR")
        assert wire.sandbox.logons == 2


def test_another_operator_has_a_session_of_its_own() -> None:
    with running(SysproOptions(other_operators={"INTEG2": "two"})) as wire:
        first = wire.session
        wire.logon(Operator="INTEG2", OperatorPassword="two")
        assert not profile(wire, first).startswith("ERROR")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"OperatorPassword": "wrong"}, "ERROR: Invalid operator password"),
        ({"Operator": "NOBODY"}, "ERROR: Invalid operator password"),
        ({"CompanyId": "ZZ"}, "ERROR: Company 'ZZ' not found"),
        ({"CompanyPassword": "wrong"}, "ERROR: Invalid company password"),
    ],
)
def test_a_wrong_logon_is_refused_with_status_200(changed: dict[str, str], text: str) -> None:
    with running() as wire:
        assert wire.logon(**changed) == text
        assert wire.sandbox.logons == 1


def test_an_id_of_version_7_is_padded_and_accepted_with_and_without_blanks() -> None:
    with running(SysproOptions(session_shape="v7")) as wire:
        assert len(wire.session) == 36
        assert wire.session.endswith("  ")
        assert not profile(wire, wire.session).startswith("ERROR")
        assert not profile(wire, wire.session.strip()).startswith("ERROR")


def test_an_id_of_version_8_is_longer_than_a_guid() -> None:
    with running() as wire:
        assert len(wire.session) == 75


def test_a_full_service_refuses_a_further_operator() -> None:
    with running(SysproOptions(seats=1, other_operators={"INTEG2": "two"})) as wire:
        answer = wire.logon(Operator="INTEG2", OperatorPassword="two")
        assert answer.startswith("ERROR: ")
        assert "license" in answer
        assert len(wire.sandbox.sessions) == 1


def test_an_idle_session_ends_and_frees_its_seat() -> None:
    with running(SysproOptions(idle_minutes=20)) as wire:
        wire.clock.advance(minutes=19)
        assert not profile(wire, wire.session).startswith("ERROR")
        wire.clock.advance(minutes=19)
        assert not profile(wire, wire.session).startswith("ERROR"), "a call starts the idle time again"
        wire.clock.advance(minutes=21)
        assert wire.sandbox.sessions == ()
        assert profile(wire, wire.session).startswith(LOST)


def test_logging_off_twice_gives_the_odd_recorded_error() -> None:
    with running() as wire:
        wire.text("Logoff", UserId=wire.session)
        assert "BaseDir8" in wire.text("Logoff", UserId=wire.session)
