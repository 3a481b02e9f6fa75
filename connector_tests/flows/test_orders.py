"""Purchase orders: header, lines and receipts in P2P, whole or marked as not whole, through all that happens to an order."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from connector_defs.basware.answers import Receipt
from connector_defs.flows import overview
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import records
from connector_tests.flows.pair import TODAY, Pair
from connector_tests.flows.published import (
    ENDPOINTS,
    ORDER,
    assert_adds_up,
    assert_quiet,
    code_of,
    delete_row,
    grow_order,
    in_target,
    incomplete,
    is_gone,
    lines_in_target,
    load_before,
    posts,
    publish_before,
    published_lines,
    record,
    refresh,
    states,
    stop_amid_the_lines,
    table,
    target,
)

OTHER_ORDER = "000000000010002"


@pytest.mark.covers("F26")
def test_orders_wait_for_their_supplier_and_lines_for_their_order(staged: Pair) -> None:
    """F26: nothing is sent that P2P would refuse for what is missing there."""
    staged.publish("taxCodes", "accounts", "costCenters", "paymentTerms")
    staged.faults.arm("target_error", times=1, match="/vendors")
    reports = staged.publish("vendors", "matchingOrders", "matchingOrderLines")
    assert reports["vendors"].failed == reports["vendors"].sent == 10
    assert (reports["matchingOrders"].held, reports["matchingOrders"].sent) == (6, 0)
    assert (reports["matchingOrderLines"].held, reports["matchingOrderLines"].sent) == (16, 0)
    assert "vendors" in record(staged, "matchingOrders", ORDER).reason
    again = staged.publish("vendors", "matchingOrders", "matchingOrderLines")
    assert [report.confirmed for report in again.values()] == [10, 6, 16]
    for report in (*reports.values(), *again.values()):
        assert_adds_up(report)


@pytest.mark.parametrize("end", [{"OrderStatus": "*", "CancelledFlag": "Y"}, {"OrderStatus": "9"}])
def test_an_order_that_ends_closes_its_open_lines_with_it(published: Pair, end: dict[str, Value]) -> None:
    assert in_target(published, "matchingOrderLines", f"{ORDER}/1")["isClosed"] is False
    published.sandbox.world.tables["PorMasterHdr"].update((ORDER,), end)
    refresh(published, "matchingOrders", "matchingOrderLines")
    assert in_target(published, "matchingOrders", ORDER)["isClosed"] is True
    assert in_target(published, "matchingOrderLines", f"{ORDER}/1")["isClosed"] is True


def test_lines_of_an_order_of_which_none_was_read_stay_as_they_are(published: Pair) -> None:
    table = published.sandbox.world.tables["PorMasterDetail"]
    for row in [row for row in table if row["PurchaseOrder"] == ORDER]:
        table.delete((ORDER, row["Line"]))
    assert refresh(published, "matchingOrderLines")["matchingOrderLines"].deactivated == 0
    assert not is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", f"{ORDER}/1"))


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused at first"])
def test_a_line_that_can_no_longer_be_told_is_withdrawn_until_it_can(published: Pair, refused: bool) -> None:
    table, key = published.sandbox.world.tables["PorMasterDetail"], f"{ORDER}/1"
    table.update((ORDER, 1), {"MDiscValFlag": "X", "MDiscValue": Decimal("2.50")})
    if refused:
        published.faults.arm("target_error", match="/matchingOrderLines")
    report = refresh(published, "matchingOrderLines")["matchingOrderLines"]
    assert (report.quarantined, report.deactivated) == (1, 1)
    assert "VALUE_DISCOUNT" in {problem.code for problem in report.problems}
    assert_adds_up(report)
    for _ in range(2):
        refresh(published, "matchingOrderLines")
        assert is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", key))
    before = posts(published)
    refresh(published, "matchingOrderLines")
    assert posts(published) == before
    assert [problem.code for problem in overview.quarantined(published.connector) if problem.key == key]
    table.update((ORDER, 1), {"MDiscValFlag": " ", "MDiscValue": Decimal(0)})
    refresh(published, "matchingOrderLines")
    assert not is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", key))


@pytest.mark.covers("F25")
def test_an_order_of_many_slices_is_marked_incomplete_until_the_last_has_gone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F25: a crash between its slices of 100 lines."""
    grow_order(pair, 150)
    pair.stage()
    pair.publish(*ENDPOINTS[:-1])
    stop_amid_the_lines(pair, monkeypatch)
    seen = pair.sandbox.basware.visible_orders().get(record(pair, "matchingOrders", ORDER).external_code, 0)
    with pair.connector.store.read() as connection:
        marked = records.incomplete_orders(connection, "M1")
    assert ORDER in marked or seen == 0
    pair.publish("matchingOrderLines")
    with pair.connector.store.read() as connection:
        assert records.incomplete_orders(connection, "M1") == []
    visible = pair.sandbox.basware.visible_orders()[record(pair, "matchingOrders", ORDER).external_code]
    assert visible == len([key for key in published_lines(pair) if key.startswith(f"{ORDER}/")])


@pytest.mark.covers("F26")
def test_lines_wait_for_a_header_that_p2p_refused_and_follow_it(staged: Pair) -> None:
    publish_before(staged, "matchingOrders")
    staged.sandbox.basware.plan_ending(
        "matchingOrders", external_code=code_of(staged, "matchingOrders", ORDER)
    )
    reports = staged.publish("matchingOrders", "matchingOrderLines")
    assert (reports["matchingOrders"].confirmed, reports["matchingOrders"].failed) == (5, 1)
    held = reports["matchingOrderLines"].held
    assert held == len([key for key in published_lines(staged) if key.startswith(f"{ORDER}/")]) > 0
    assert "matchingOrders" in record(staged, "matchingOrderLines", f"{ORDER}/1").reason
    assert lines_in_target(staged) == {}
    again = staged.publish("matchingOrders", "matchingOrderLines")
    assert [report.confirmed for report in again.values()] == [1, held]
    assert len(lines_in_target(staged)) == held
    assert incomplete(staged) == []
    assert_quiet(staged, "matchingOrders", "matchingOrderLines")


@pytest.mark.parametrize("cause", ["P2P refuses it", "SYSPRO has it without a name"])
def test_an_order_goes_by_itself_once_its_supplier_is_corrected(pair: Pair, cause: str) -> None:
    header = table(pair, "PorMasterHdr").get(ORDER)
    assert header is not None
    supplier = str(header["Supplier"])
    code = code_of(pair, "vendors", supplier)
    name = str((table(pair, "ApSupplier").get(supplier) or {})["SupplierName"])
    if cause == "P2P refuses it":
        pair.sandbox.basware.plan_ending("vendors", external_code=code, message="sanctioned")
    else:
        table(pair, "ApSupplier").update((supplier,), {"SupplierName": "-"})
    reports = pair.sync()
    waiting = [row["PurchaseOrder"] for row in table(pair, "PorMasterHdr") if row["Supplier"] == supplier]
    assert ORDER in waiting
    assert code not in target(pair, "vendors")
    assert code_of(pair, "matchingOrders", ORDER) not in target(pair, "matchingOrders")
    kept = record(pair, "matchingOrders", ORDER)
    assert (kept.state, kept.code) == ("held", "WAITS")
    assert supplier in kept.reason
    assert 0 < reports["matchingOrders"].held < 6, "the orders of other suppliers go"
    assert lines_in_target(pair) == {}
    table(pair, "ApSupplier").update((supplier,), {"SupplierName": name})
    pair.sync()
    assert in_target(pair, "vendors", supplier)["name"] == name
    assert in_target(pair, "matchingOrders", ORDER)["supplierCode"] == supplier
    assert lines_in_target(pair)
    assert states(pair, "matchingOrders") == {"published": 6}
    assert incomplete(pair) == []
    assert sum(report.requests for report in pair.sync().values()) == 0


def test_a_line_that_is_deleted_and_added_again_is_the_same_line_with_its_new_content(
    published: Pair,
) -> None:
    key, code = f"{ORDER}/1", code_of(published, "matchingOrderLines", ORDER, "1")
    row = delete_row(published, "PorMasterDetail", ORDER, 1)
    refresh(published, "matchingOrderLines")
    assert is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", key))
    assert "1" not in lines_in_target(published)
    number = len(target(published, "matchingOrderLines"))
    table(published, "PorMasterDetail").insert({**row, "MOrderQty": Decimal(77)})
    assert refresh(published, "matchingOrderLines")["matchingOrderLines"].confirmed == 1
    there = in_target(published, "matchingOrderLines", key)
    assert (there["externalCode"], there["quantity"]) == (code, 77)
    assert (there["isDeleted"], record(published, "matchingOrderLines", key).active) == (False, 1)
    assert len(target(published, "matchingOrderLines")) == number
    assert incomplete(published) == []
    assert_quiet(published, "matchingOrderLines")


@pytest.mark.parametrize(
    ("order", "line"), [(ORDER, 91), (OTHER_ORDER, 91)], ids=["within", "to another order"]
)
def test_a_line_that_moved_is_deleted_where_it_was_and_stands_where_it_is(
    published: Pair, order: str, line: int
) -> None:
    row = delete_row(published, "PorMasterDetail", ORDER, 1)
    table(published, "PorMasterDetail").insert({**row, "PurchaseOrder": order, "Line": line})
    report = refresh(published, "matchingOrderLines")["matchingOrderLines"]
    assert (report.sent, report.confirmed, report.deactivated) == (2, 2, 1)
    assert is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", f"{ORDER}/1"))
    there = lines_in_target(published, order)[str(line)]
    assert there["quantity"] == row["MOrderQty"]
    assert there["orderExternalCode"] == code_of(published, "matchingOrders", order)
    assert_quiet(published, "matchingOrderLines")


@pytest.mark.parametrize(
    "end",
    [{"OrderStatus": "*", "CancelledFlag": "Y"}, {"OrderStatus": "9", "DatePoCompleted": TODAY}],
    ids=["cancelled", "completed"],
)
def test_an_order_that_ended_and_is_opened_again_is_open_in_p2p_with_its_lines(
    published: Pair, end: dict[str, Value]
) -> None:
    open_lines = {number for number, line in lines_in_target(published).items() if not line["isClosed"]}
    assert open_lines
    before = table(published, "PorMasterHdr").get(ORDER)
    assert before is not None
    table(published, "PorMasterHdr").update((ORDER,), end)
    refresh(published, "matchingOrders", "matchingOrderLines")
    assert in_target(published, "matchingOrders", ORDER)["isClosed"] is True
    assert all(line["isClosed"] for line in lines_in_target(published).values())
    assert record(published, "matchingOrders", ORDER).active == 0
    assert_quiet(published, "matchingOrders", "matchingOrderLines")
    table(published, "PorMasterHdr").update((ORDER,), {name: before[name] for name in end})
    refresh(published, "matchingOrders", "matchingOrderLines")
    assert in_target(published, "matchingOrders", ORDER)["isClosed"] is False
    assert {n for n, line in lines_in_target(published).items() if not line["isClosed"]} == open_lines
    assert incomplete(published) == []
    assert_quiet(published, "matchingOrders", "matchingOrderLines")


def _receipt(pair: Pair, quantity: int, value: str, entry: int, line: int = 1) -> dict[str, Value]:
    header = table(pair, "PorMasterHdr").get(ORDER)
    assert header is not None
    return {
        "Supplier": header["Supplier"],
        "Grn": "P77000001",
        "GrnSource": "1",
        "Journal": 70001,
        "JournalEntry": entry,
        "OrigReceiptDate": date(2026, 11, 18),
        "PurchaseOrder": ORDER,
        "PurchaseOrderLin": line,
        "QtyReceived": Decimal(quantity),
        "OrigGrnValue": Decimal(value),
        "CurrencyValue": Decimal(value),
        "DeliveryNote": "DN-77",
    }


def _received(pair: Pair) -> list[tuple[Decimal, Decimal]]:
    """Quantity and value of this test's receipts on line 1, as P2P holds them."""
    receipts = lines_in_target(pair)["1"].get("goodsReceipts", [])
    return [(one["quantity"], one["netSum"]) for one in receipts if one["goodsReceiptNumber"] == "P77000001"]


def test_a_receipt_and_its_reversal_both_stand_on_the_line_and_add_up_to_nothing(published: Pair) -> None:
    receipts = table(published, "GrnDetails")
    receipts.insert(_receipt(published, 5, "62.50", 1))
    assert refresh(published, "matchingOrderLines")["matchingOrderLines"].confirmed == 1
    assert _received(published) == [(5, Decimal("62.5"))]
    receipts.insert(_receipt(published, -5, "-62.50", 2))
    assert refresh(published, "matchingOrderLines")["matchingOrderLines"].confirmed == 1
    assert _received(published) == [(5, Decimal("62.5")), (-5, Decimal("-62.5"))]
    codes = [one["externalCode"] for one in lines_in_target(published)["1"]["goodsReceipts"]]
    assert len(set(codes)) == len(codes)
    assert_quiet(published, "matchingOrderLines")


def test_a_new_order_is_not_called_published_before_its_last_line_is(staged: Pair) -> None:
    """The header alone is confirmed: P2P shows nothing of it yet, and neither do we call it done."""
    publish_before(staged, "matchingOrderLines")
    assert len(target(staged, "matchingOrders")) == 6
    assert states(staged, "matchingOrders") == {"pending": 6}
    assert len(incomplete(staged)) == 6
    staged.sandbox.basware.plan_ending(
        "matchingOrderLines", external_code=code_of(staged, "matchingOrderLines", ORDER, "1")
    )
    staged.publish("matchingOrderLines")
    assert incomplete(staged) == [ORDER]
    assert states(staged, "matchingOrders") == {"published": 5, "pending": 1}
    staged.publish("matchingOrderLines")
    assert incomplete(staged) == []
    assert states(staged, "matchingOrders") == {"published": 6}


def test_an_order_whose_slices_went_twice_in_one_run_is_complete_at_its_end(pair: Pair) -> None:
    """Its lines expired on their way, and went again at once."""
    grow_order(pair, 150)
    load_before(pair, "matchingOrderLines")
    for number in range(100, 250):
        code = code_of(pair, "matchingOrderLines", ORDER, str(number))
        pair.sandbox.basware.plan_ending(
            "matchingOrderLines", external_code=code, outcome="RecordExpired", message="newer"
        )
    assert pair.publish("matchingOrderLines")["matchingOrderLines"].failed == 0
    assert incomplete(pair) == []
    assert states(pair, "matchingOrders") == {"published": 6}


@pytest.fixture
def torn(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """An order of more than 150 lines whose first slice alone was sent: the process died at the second."""
    grow_order(pair, 150)
    load_before(pair, "matchingOrderLines")
    post, calls = pair.connector.basware.post, []

    def die_at_the_second(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        calls.append(endpoint)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return post(endpoint, payload)

    with monkeypatch.context() as patch:
        patch.setattr(pair.connector.basware, "post", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            pair.publish("matchingOrderLines")
    assert ORDER in incomplete(pair)
    return pair


def test_a_header_that_changes_does_not_take_the_mark_of_lines_still_missing(torn: Pair) -> None:
    """The header changed before the next run: the order is still not whole."""
    table(torn, "PorMasterHdr").update((ORDER,), {"OrderDueDate": date(2026, 12, 24)})
    refresh(torn, "matchingOrders")
    assert ORDER in incomplete(torn)
    assert states(torn, "matchingOrders").get("published", 0) < 6
    refresh(torn, "matchingOrderLines")
    assert incomplete(torn) == []
    assert states(torn, "matchingOrders") == {"published": 6}


def test_an_order_that_is_gone_amid_its_slices_is_closed_and_waits_for_nothing(torn: Pair) -> None:
    delete_row(torn, "PorMasterHdr", ORDER)
    for _ in range(2):
        refresh(torn, "matchingOrders", "matchingOrderLines")
    assert is_gone("matchingOrders", in_target(torn, "matchingOrders", ORDER))
    assert incomplete(torn) == []


def test_lines_of_another_day_do_not_finish_an_order_they_do_not_hold(pair: Pair) -> None:
    """An older partition, published late, knows nothing of the order that is new since."""
    header = table(pair, "PorMasterHdr").get(ORDER)
    assert header is not None
    taken = delete_row(pair, "PorMasterHdr", ORDER)
    pair.sync(day=date(2026, 11, 19))
    table(pair, "PorMasterHdr").insert(taken)
    pair.stage()
    pair.publish(*ENDPOINTS[:-1])
    assert incomplete(pair) == [ORDER]
    pair.publish("matchingOrderLines", day=date(2026, 11, 19))
    assert incomplete(pair) == [ORDER]
    pair.publish("matchingOrderLines")
    assert incomplete(pair) == []
