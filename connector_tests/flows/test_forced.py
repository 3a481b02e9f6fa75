"""A person's order to send records again: one of them, an order's lines, or a whole entity."""

from dataclasses import replace

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows.forced import ForceReport, force
from connector_defs.flows.outcomes import lane
from connector_defs.sandbox.basware.sandbox import BaswareSandbox
from connector_defs.store import audit, records
from connector_defs.store.leases import LeaseTaken
from connector_defs.store.records import Record
from connector_tests.flows.pair import SUPPLIER, Pair

ORDER = "000000000010001"


def order(pair: Pair, entity: str, *keys: str) -> ForceReport:
    return force(pair.connector, pair.company, entity, keys or None, actor="ann", reason="lost in P2P")


def record(pair: Pair, entity: str, key: str) -> Record:
    with pair.connector.store.read() as connection:
        return records.by_keys(connection, entity, "M1", [key])[key]


def lose(sandbox: BaswareSandbox, entity: str, code: str) -> None:
    """P2P loses a record that Basware's API still holds."""
    sandbox.target._forget(entity, sandbox.target.records[entity].pop(code))


@pytest.mark.covers("F24")
@pytest.mark.parametrize("typed", [SUPPLIER, "1", " 0001 "])
def test_a_record_that_p2p_lost_is_there_again(published: Pair, typed: str) -> None:
    """F24: an identical record is ignored, so the one that goes differs by a touch."""
    code = record(published, "vendors", SUPPLIER).external_code
    lose(published.sandbox.basware, "vendors", code)
    assert order(published, "vendors", typed).marked == (SUPPLIER,)
    report = published.publish("vendors")["vendors"]
    assert (report.sent, report.confirmed) == (1, 1)
    assert code in published.sandbox.basware.in_target["vendors"]
    assert record(published, "vendors", SUPPLIER).touches == 1
    assert published.publish("vendors")["vendors"].sent == 0
    event = next(one for one in audit.show(published.connector.store, SUPPLIER) if one.action == "resend")
    assert (event.detail["by"], event.detail["why"]) == ("ann", "lost in P2P")
    assert audit.verify(published.connector.store).ok


def test_what_depends_on_it_need_not_wait(published: Pair) -> None:
    order(published, "vendors", SUPPLIER)
    order(published, "matchingOrders")
    reports = published.publish("matchingOrders", "matchingOrderLines")
    assert (reports["matchingOrders"].held, reports["matchingOrders"].confirmed) == (0, 6)
    assert reports["matchingOrderLines"].sent == 0


def test_an_order_stands_for_all_of_its_lines(published: Pair) -> None:
    marked = order(published, "matchingOrderLines", ORDER.lstrip("0")).marked
    assert {key.rsplit("/", 1)[0] for key in marked} == {ORDER}
    report = published.publish("matchingOrderLines")["matchingOrderLines"]
    assert (report.sent, report.confirmed) == (len(marked), len(marked))
    one = order(published, "matchingOrderLines", f"{ORDER}/1")
    assert one.marked == (f"{ORDER}/1",)


def test_a_whole_entity_goes_and_what_cannot_is_named(published: Pair) -> None:
    report = order(published, "vendors")
    assert len(report.marked) == 10
    assert {(left.key, left.code) for left in report.left} == {
        ("000000000000011", "NOT_SENDABLE"),
        ("000000000000012", "NOT_SENDABLE"),
    }
    sent = published.publish("vendors")["vendors"]
    assert (sent.sent, sent.confirmed) == (10, 10)


def test_the_end_of_a_record_is_told_again_too(published: Pair) -> None:
    key = "000000000000005"
    assert published.sandbox.world.tables["ApSupplier"].delete((key,))
    published.stage("suppliers")
    assert published.publish("vendors")["vendors"].deactivated == 1
    assert published.publish("vendors")["vendors"].deactivated == 0
    order(published, "vendors", key)
    report = published.publish("vendors")["vendors"]
    assert (report.deactivated, report.confirmed) == (1, 1)
    assert published.publish("vendors")["vendors"].deactivated == 0


def test_an_order_that_fits_nothing_or_too_much_marks_nothing(published: Pair) -> None:
    with pytest.raises(Fatal, match="no such entity: suppliers"):
        order(published, "suppliers", "1")
    with pytest.raises(Fatal, match="knows no vendors record '4711'"):
        order(published, "vendors", "1", "4711")
    with published.connector.store.write() as connection:
        known = records.by_keys(connection, "vendors", "M1", [SUPPLIER])[SUPPLIER]
        records.save(connection, [replace(known, key="1")], "confirmed")
    with pytest.raises(Fatal, match="may mean '000000000000001', '1'"):
        order(published, "vendors", "01")
    assert order(published, "vendors", "1").marked == ("1",)
    assert record(published, "vendors", SUPPLIER).hash != records.FORCED


def test_nothing_is_marked_while_the_entity_is_being_published(published: Pair) -> None:
    with (
        published.connector.leases.hold(lane(published.company, "vendors")),
        pytest.raises(LeaseTaken),
    ):
        order(published, "vendors", SUPPLIER)
    assert record(published, "vendors", SUPPLIER).hash != records.FORCED
