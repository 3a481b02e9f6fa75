"""Records that Basware cannot be told as they stand: kept back with reason and remedy, alone, until they can.

For each kind: SYSPRO keeps the record as it is, Basware has nothing of it, its neighbours go, and once it is
corrected it goes by itself.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.flows import overview
from connector_defs.flows.reports import Problem, PublishReport
from connector_defs.sandbox.world.tables import Value
from connector_tests.flows.pair import EURO_SUPPLIER, SUPPLIER, Pair, open_pair
from connector_tests.flows.published import ENDPOINTS, MANY_ORDERS, SOUND_ORDERS, record, table, target

ORDER = "000000000010001"
# What the small world keeps back of itself.
USUAL = {"00-6990-CONTRACT-LABOUR-PEAK", "000000000000011", "000000000000012"}


@dataclass(frozen=True)
class Kind:
    """A change that makes one record untranslatable, and what is said of it."""

    table: str
    key: tuple[Value, ...]
    change: dict[str, Value]
    entity: str
    record: str
    code: str
    reason: str
    remedy: str


# One line for each mistake.
_lines = iter([(order, number) for order in SOUND_ORDERS for number in (1, 2)])


def line(code: str, reason: str, remedy: str = "correct the line in SYSPRO", **change: Value) -> Kind:
    order, number = next(_lines)
    record = f"{order}/{number}"
    return Kind(
        "PorMasterDetail", (order, number), change, "matchingOrderLines", record, code, reason, remedy
    )


KINDS = {
    "a supplier's name of one character": Kind(
        "ApSupplier", (SUPPLIER,), {"SupplierName": "X"}, "vendors", SUPPLIER,
        "NAME_TOO_SHORT", "the name 'X' has fewer than 2 characters", "give it a longer name",
    ),
    "a currency without an ISO code": Kind(
        "ApSupplier", (EURO_SUPPLIER,), {"Currency": "QQ"}, "vendors", EURO_SUPPLIER,
        "CURRENCY_UNMAPPED", "SYSPRO currency 'QQ' has no ISO code", "[currencies]",
    ),
    "an account without a description": Kind(
        "GenMaster", ("M1", "00-6000"), {"Description": ""}, "accounts", "00-6000",
        "NAME_TOO_SHORT", "GL code '00-6000'", "give it a longer name or description",
    ),
    "a discount that is none": Kind(
        "TblApTerms", ("3D",), {"DiscPct": Decimal("-2.00")}, "paymentTerms", "3D",
        "DISCOUNT_IMPOSSIBLE", "a discount of -2 % is none", "correct the discount in SYSPRO",
    ),
    "a line of an unknown type": line(
        "LINE_TYPE_UNKNOWN", "line type '2' is none of 1, 4, 5, 7", "enter it as one of these types", LineType="2"
    ),
    "a line of nothing": line("QUANTITY_NOT_POSITIVE", "the quantity is 0", MOrderQty=Decimal(0)),
    "a discount by value of an unknown kind": line(
        "VALUE_DISCOUNT", "MDiscValFlag 'X' is not known", "give the discount as percentages",
        MDiscValFlag="X", MDiscValue=Decimal("2.50"),
    ),
    "a price unit of no known direction": line(
        "PRICE_FACTOR_UNKNOWN", "neither M nor D", MConvFactPrcUm=Decimal(12), MMulDivPrc=""
    ),
    "discounts over 100 per cent": line(
        "DISCOUNT_IMPOSSIBLE", "MDiscPct1", "correct the discount", MDiscPct1=Decimal("100.01")
    ),
    "quantity and price below 0": line(
        "SIGNS_CONTRADICT", "both below 0",
        MOrderQty=Decimal(-2), MPrice=Decimal(-5), MForeignPrice=Decimal(-5),
    ),
    "a value that no order line has": line(
        "AMOUNT_TOO_LARGE", "no value of an order line",
        MOrderQty=Decimal(999999999999), MForeignPrice=Decimal(9999999999),
    ),
}  # fmt: skip


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    with open_pair(folder) as opened:
        yield opened


@dataclass(frozen=True)
class Course:
    """Two runs, of which the first met every kind of mistake, and the second what was right again.

    `kept_back` and `told` (externalCodes in P2P, by entity) are as the first run left them, all else is as the second.
    """

    first: Mapping[str, PublishReport]
    kept_back: Mapping[str, Problem]
    told: Mapping[str, Collection[str]]
    pair: Pair


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Course]:
    folder = tmp_path_factory.mktemp("kinds")
    shutil.copy(empty_store, folder / "state.db")
    with open_pair(folder, MANY_ORDERS) as pair:
        right = {}
        for name, kind in KINDS.items():
            stored = table(pair, kind.table).get(*kind.key)
            assert stored is not None
            right[name] = {column: stored[column] for column in kind.change}
            table(pair, kind.table).update(kind.key, kind.change)
        first = pair.sync()
        kept_back = {problem.key: problem for problem in overview.quarantined(pair.connector)}
        told = {entity: frozenset(target(pair, entity)) for entity in ENDPOINTS}
        for name, kind in KINDS.items():
            table(pair, kind.table).update(kind.key, right[name])
        pair.sync()
        yield Course(first, kept_back, told, pair)


@pytest.mark.parametrize("name", KINDS)
def test_it_is_kept_back_with_reason_and_remedy_and_goes_once_it_is_right(course: Course, name: str) -> None:
    kind, pair = KINDS[name], course.pair
    told = {problem.key: problem for problem in course.first[kind.entity].problems}
    assert told[kind.record].code == kind.code
    assert kind.reason in told[kind.record].reason
    assert kind.remedy in told[kind.record].remedy
    assert course.kept_back[kind.record] == told[kind.record], "later reports say the same"
    now = record(pair, kind.entity, kind.record)
    assert now.external_code not in course.told[kind.entity]
    assert now.state == "confirmed"
    assert now.external_code in target(pair, kind.entity)


def test_they_stop_no_other_and_none_is_left_once_all_is_right(course: Course) -> None:
    assert set(course.kept_back) == {*USUAL, *(kind.record for kind in KINDS.values())}
    for report in course.first.values():
        assert report.confirmed == report.staged - report.quarantined - report.held > 0
    assert {problem.key for problem in overview.quarantined(course.pair.connector)} == USUAL


def test_a_receipt_that_contradicts_itself_keeps_its_line_back(pair: Pair) -> None:
    receipts = pair.sandbox.world.tables["GrnDetails"]
    receipt = next(row for row in receipts if row["PurchaseOrder"] == ORDER) if list(receipts) else None
    row = receipt or next(iter(receipts))
    key = tuple(row[name] for name in receipts.schema.key)
    receipts.update(key, {"QtyReceived": -Decimal(str(row["QtyReceived"]))})
    order, number = row["PurchaseOrder"], row["PurchaseOrderLin"]
    pair.sync()
    kept = {problem.key: problem for problem in overview.quarantined(pair.connector)}
    assert kept[f"{order}/{number}"].code == "SIGNS_CONTRADICT"
    assert str(row["Grn"]) in kept[f"{order}/{number}"].reason


def test_what_only_the_request_model_refuses_is_kept_back_all_the_same_and_not_shown(pair: Pair) -> None:
    """No translation makes such a value; should one ever do, it must not stop the other entities."""
    basware = pair.connector.settings.basware.model_copy(update={"source_system": "S" * 40})
    pair.connector.settings = pair.connector.settings.model_copy(update={"basware": basware})
    reports = pair.sync()
    (code,) = {problem.code for problem in reports["vendors"].problems if problem.key not in USUAL}
    assert code == "OVER_LIMIT"
    reasons = [problem.reason for problem in reports["vendors"].problems if problem.code == code]
    assert all("source_system" in reason and "SSS" not in reason for reason in reasons)
    assert reports["vendors"].sent == 0
    assert reports["accounts"].confirmed > 0
