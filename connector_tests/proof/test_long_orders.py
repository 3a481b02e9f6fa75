"""An order of 350 lines goes in four slices, and its publisher dies between: the next one completes it, as reported."""

import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_tests.proof import crash, long_orders
from connector_tests.proof.long_orders import (
    LINES,
    POINTS_OF_ORDERS,
    OrderDesk,
    enter_order,
    let_through,
    open_desk,
)
from connector_tests.proof.test_killed_command import Site

NUMBER = "000000000020001"


@pytest.fixture
def desk() -> Iterator[OrderDesk]:
    with open_desk() as opened:
        yield opened


# Requests that get through: the header in the first, a hundred lines in each of the next, fifty in the last.
# Every point, and a death amid every slice; `make proof` throws the dice for both.
DEATHS = [
    ("publish.stored", 1, 1, 0),
    ("publish.read", 1, 1, 0),
    ("publish.marked", 1, 1, 0),
    ("publish.received", 2, 2, 100),
    ("publish.stored", 3, 3, 200),
    ("publish.received", 4, 4, 300),
    ("publish.stored", 5, 5, 350),
]


@pytest.mark.covers("F25")
@pytest.mark.parametrize(("point", "arrivals", "through", "visible"), DEATHS)
def test_a_publisher_killed_amid_a_long_order_leaves_it_marked_and_the_next_one_completes_it(
    desk: OrderDesk, point: str, arrivals: int, through: int, visible: int
) -> None:
    """F25 by a real SIGKILL: so many slices are in P2P, and no report of ours calls the order whole."""
    before = desk.called_published()
    order = desk.enter()
    let_through(desk.pair.faults, through)
    assert desk.publish(die_at=point, arrivals=arrivals), f"no worker came to {point}"
    desk.pair.faults.disarm()
    assert desk.visible(order) == visible
    assert desk.called_published() == before
    assert order in desk.marked() or visible == 0
    assert str(desk.verdict(at_rest=False)) == "everything holds"
    assert not desk.publish()
    desk.publish()
    assert desk.visible(order) == LINES
    assert order not in desk.marked()
    assert desk.called_published() == before + 1
    assert str(desk.verdict(at_rest=True)) == "everything holds"


def test_a_long_order_that_changes_is_not_called_whole_while_a_part_of_it_is_old(desk: OrderDesk) -> None:
    """Its header is the same, so nothing but the mark tells that later slices are missing."""
    order = desk.enter()
    desk.publish()
    desk.reprice(order, Decimal(7))
    let_through(desk.pair.faults, 2)
    assert desk.publish(die_at="publish.stored", arrivals=2)
    desk.pair.faults.disarm()
    assert order in desk.marked()
    assert str(desk.verdict(at_rest=False)) == "everything holds"
    desk.publish()
    assert str(desk.verdict(at_rest=True)) == "everything holds"


def test_nobody_who_looks_while_it_goes_finds_a_long_order_called_whole_before_it_is(desk: OrderDesk) -> None:
    """P2P is looked at before and after our own word, so that a part seen both times was a part in between."""
    before, order, parts_seen = desk.called_published(), desk.enter(), set()
    desk.pair.faults.arm("latency", times=1000, site="basware.entities.write", seconds=0.1)
    worker = desk.worker()
    while worker.running:
        seen = desk.visible(order)
        marked, published = desk.marked(), desk.called_published()
        if seen and desk.visible(order) < LINES:
            parts_seen.add(seen)
            assert order in marked
            assert published == before
    assert not worker.end()
    assert parts_seen, "the order was seen in part"
    assert desk.called_published() == before + 1
    assert str(desk.verdict(at_rest=True)) == "everything holds"


def test_the_command_killed_amid_a_long_order_is_made_good_by_the_same_command(tmp_path: Path) -> None:
    """`connector sync purchase-orders` as a user starts it, and `connector status` between."""
    world = WorldOptions(suppliers=12, accounts=20, cost_centers=4, orders=8, lines=30, invoices=0)
    with Sandbox(world, processing_seconds=0.02) as sandbox:
        site = Site(sandbox, 1, tmp_path)
        enter_order(sandbox, NUMBER, LINES)
        site.run("sync", "master-data")
        site.environment["CONNECTOR_DIE_AT"] = "publish.stored:3"
        let_through(sandbox.faults, 3)
        process = site.start("sync", "purchase-orders")
        process.communicate(timeout=120)
        sandbox.faults.disarm()
        assert process.returncode == -signal.SIGKILL
        del site.environment["CONNECTOR_DIE_AT"]
        shown = max(sandbox.basware.visible_orders().values())
        assert 0 < shown < LINES
        orders = len(sandbox.basware.in_target["matchingOrders"])
        told = site.run("status")["records"]["matchingOrders"]  # type: ignore[index]
        assert told["published"] < orders
        assert told["published"] + told["pending"] == orders
        site.run("sync", "purchase-orders")
        told = site.run("status")["records"]["matchingOrders"]  # type: ignore[index]
        assert told == {"published": orders, "pending": 0, "failed": 0, "quarantined": 0}
        assert max(sandbox.basware.visible_orders().values()) == LINES
        assert site.run("audit", "verify")["ok"]


def test_a_round_of_the_proof_finds_nothing_off() -> None:
    tally = long_orders.crash(seed=1, rounds=1)
    assert tally.flaws == []
    assert all(tally.kills[point] for point in POINTS_OF_ORDERS)


def test_an_order_in_part_that_nobody_marks_is_a_flaw(
    desk: OrderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = desk.enter()
    let_through(desk.pair.faults, 2)
    assert desk.publish(die_at="publish.stored", arrivals=2)
    monkeypatch.setattr(desk, "marked", set)
    monkeypatch.setattr(desk, "called_published", lambda: 7)
    assert [breach.what for breach in desk.verdict(at_rest=False).breaches] == [
        f"order {order} shows 100 lines, not those of SYSPRO, and we call it whole",
        "status calls 7 orders published, 6 are whole in P2P",
    ]
    assert desk.verdict(at_rest=True).count("lost") == 1


def test_the_points_of_orders_lie_in_the_code_and_in_no_other_proof() -> None:
    assert set(POINTS_OF_ORDERS) <= crash.points_in_code()
    assert not set(POINTS_OF_ORDERS) & set(crash.applicable())
    assert not set(POINTS_OF_ORDERS) & set(crash.of_the_invoices())
