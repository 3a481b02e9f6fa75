"""Who a request is counted under, and how often one may be refused."""

import pytest
from starlette.requests import HTTPConnection

from connector_defs.console.callers import Allowance, Callers, is_local


def connection(peer: str | None, *forwarded: str, name: str = "x-forwarded-for") -> HTTPConnection:
    return HTTPConnection(
        {
            "type": "http",
            "client": (peer, 4711) if peer else None,
            "headers": [(name.encode(), value.encode()) for value in forwarded],
        }
    )


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "counted"),
    [
        ((), "203.0.113.9", (), "203.0.113.9"),
        # Nobody is trusted: what a caller says of itself is worth nothing.
        ((), "203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        (("10.0.0.0/8",), "203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        (("10.0.0.0/8",), "10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        # What the caller made up stands at the left of what the proxy saw.
        (("10.0.0.0/8",), "10.0.0.1", ("1.1.1.1, 198.51.100.1",), "198.51.100.1"),
        (("10.0.0.0/8",), "10.0.0.1", ("1.1.1.1", "198.51.100.1, 10.0.0.2"), "198.51.100.1"),
        (("10.0.0.0/8",), "10.0.0.1", ("nonsense, 10.0.0.2",), "10.0.0.2"),
        (("10.0.0.0/8",), "10.0.0.1", (), "10.0.0.1"),
        (("10.0.0.1",), "::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ((), "2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        ((), None, ("198.51.100.1",), "unknown"),
        ((), "a socket file", (), "unknown"),
    ],
)
def test_a_caller_is_the_last_address_that_somebody_trusted_saw(
    trusted: tuple[str, ...], peer: str | None, forwarded: tuple[str, ...], counted: str
) -> None:
    assert Callers(trusted).address_of(connection(peer, *forwarded)) == counted


@pytest.mark.parametrize(
    ("caller", "local"),
    [
        (connection("127.0.0.1"), True),
        (connection("::1"), True),
        (connection("203.0.113.9"), False),
        (connection(None), False),
        (connection("127.0.0.1", "203.0.113.9"), False),
        (connection("127.0.0.1", "for=203.0.113.9", name="forwarded"), False),
    ],
)
def test_a_caller_through_a_proxy_is_not_of_this_machine(caller: HTTPConnection, local: bool) -> None:
    assert is_local(caller) is local


class TestAllowance:
    def test_it_is_used_up_by_refusals_and_comes_back_with_time(self) -> None:
        now = [0.0]
        allowance = Allowance(2, now=lambda: now[0])
        for _ in range(3):
            allowance.charge("a")
        assert not allowance.has_some("a")
        assert allowance.has_some("b")
        now[0] = 29.9
        assert not allowance.has_some("a")
        now[0] = 30.0
        assert allowance.has_some("a")
        now[0] = 3600.0
        allowance.charge("a")
        allowance.charge("a")
        assert not allowance.has_some("a")

    def test_any_number_of_addresses_takes_a_bounded_memory(self) -> None:
        allowance = Allowance(1, now=lambda: 0.0, remembered=100)
        for number in range(1000):
            allowance.charge(str(number))
        assert len(allowance._left) == 100
        assert not allowance.has_some("999")
        assert allowance.has_some("0")
