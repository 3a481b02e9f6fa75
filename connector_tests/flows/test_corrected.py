"""Records that cannot be told to Basware: kept back with reason and remedy, stopping nothing else.

Each goes by itself with the next run once it is corrected in SYSPRO.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.flows import overview
from connector_defs.flows.reports import Problem, PublishReport
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import records
from connector_defs.store.records import Record
from connector_tests.flows.pair import EURO_SUPPLIER, SUPPLIER, Pair, open_pair
from connector_tests.flows.published import (
    ENDPOINTS,
    MANY_ORDERS,
    SOUND_ORDERS,
    assert_adds_up,
    code_of,
    delete_row,
    in_target,
    kept_back,
    posts,
    record,
    refresh,
    states,
    table,
    target,
)


def test_what_cannot_be_translated_is_kept_back_with_its_reason_and_goes_once_it_can(published: Pair) -> None:
    pair = published
    kept = {problem.key: problem.code for problem in overview.quarantined(pair.connector)}
    assert kept == {
        "00-6990-CONTRACT-LABOUR-PEAK": "CODE_TOO_LONG",
        "000000000000011": "NAME_TOO_SHORT",
        "000000000000012": "CURRENCY_UNMAPPED",
    }
    pair.sandbox.world.tables["ApSupplier"].update(("000000000000011",), {"SupplierName": "Xylem Ltd"})
    report = refresh(pair, "vendors")["vendors"]
    assert (report.sent, report.confirmed, report.quarantined) == (1, 1, 1)
    assert in_target(pair, "vendors", "000000000000011")["name"] == "Xylem Ltd"


@dataclass(frozen=True)
class Flaw:
    """A row of SYSPRO that Basware cannot take: how it comes about, and how a person corrects it."""

    entity: str
    key: str
    code: str
    spoil: Callable[[Pair], None]
    correct: Callable[[Pair], None]
    corrected_key: str = ""


def _change(name: str, *key: Value, **columns: Value) -> Callable[[Pair], None]:
    def changed(pair: Pair) -> None:
        table(pair, name).update(key, columns)

    return changed


def _rename(name: str, old: tuple[Value, ...], column: str, new: str) -> Callable[[Pair], None]:
    """A row under another key, as if it had been entered anew."""

    def renamed(pair: Pair) -> None:
        row = delete_row(pair, name, *old)
        table(pair, name).insert({**row, column: new})

    return renamed


def _insert(name: str, model: tuple[Value, ...], **columns: Value) -> Callable[[Pair], None]:
    def inserted(pair: Pair) -> None:
        row = table(pair, name).get(*model)
        assert row is not None
        table(pair, name).insert({**row, **columns})

    return inserted


def _remove(name: str, *key: Value) -> Callable[[Pair], None]:
    def removed(pair: Pair) -> None:
        delete_row(pair, name, *key)

    return removed


# The sandbox's company has some of its own.
KEPT_BACK_ANYWAY = ("00-6990-CONTRACT-LABOUR-PEAK", "000000000000011", "000000000000012")
LONG = "00-6000-CONSUMABLES-MACHINE"
NAMELESS, IN_NO_CURRENCY, OF_NOTHING = SOUND_ORDERS[:3]
# Its lines have a local and a foreign price, so that a discount by value may be in either.
DISCOUNTED = "000000000010014"
FLAWS = {
    "supplier with a name of one character": Flaw(
        "vendors",
        SUPPLIER,
        "NAME_TOO_SHORT",
        _change("ApSupplier", SUPPLIER, SupplierName="S"),
        _change("ApSupplier", SUPPLIER, SupplierName="Summit Pallets LLC"),
    ),
    "supplier in an unknown currency": Flaw(
        "vendors",
        EURO_SUPPLIER,
        "CURRENCY_UNMAPPED",
        _change("ApSupplier", EURO_SUPPLIER, Currency="E1"),
        _change("ApSupplier", EURO_SUPPLIER, Currency="EUR"),
    ),
    "GL code of more than 25 characters": Flaw(
        "accounts",
        LONG,
        "CODE_TOO_LONG",
        _insert("GenMaster", ("M1", "00-6000"), GlCode=LONG),
        _rename("GenMaster", ("M1", LONG), "GlCode", LONG[:20]),
        LONG[:20],
    ),
    "account described by one character": Flaw(
        "accounts",
        "00-6010",
        "NAME_TOO_SHORT",
        _change("GenMaster", "M1", "00-6010", Description="E"),
        _change("GenMaster", "M1", "00-6010", Description="Electricity"),
    ),
    "payment terms without a code": Flaw(
        "paymentTerms",
        "  ",
        "CODE_MISSING",
        _insert("TblApTerms", ("30",), TermsCode=""),
        _rename("TblApTerms", ("",), "TermsCode", "31"),
        "31",
    ),
    "tax code without a description": Flaw(
        "taxCodes",
        "Z  ",
        "NAME_TOO_SHORT",
        _change("AdmTax", "Z", Description=""),
        _change("AdmTax", "Z", Description="Zero rate"),
    ),
    "cost centre described by one character": Flaw(
        "costCenters",
        "105",
        "NAME_TOO_SHORT",
        _change("GenAnalysisCode", "CC", 1, "105", Description="P"),
        _change("GenAnalysisCode", "CC", 1, "105", Description="Press shop"),
    ),
    "order without a supplier": Flaw(
        "matchingOrders",
        NAMELESS,
        "CODE_MISSING",
        _change("PorMasterHdr", NAMELESS, Supplier=""),
        _change("PorMasterHdr", NAMELESS, Supplier=SUPPLIER),
    ),
    "order in an unknown currency": Flaw(
        "matchingOrders",
        IN_NO_CURRENCY,
        "CURRENCY_UNMAPPED",
        _change("PorMasterHdr", IN_NO_CURRENCY, Currency="E1"),
        _change("PorMasterHdr", IN_NO_CURRENCY, Currency="$"),
    ),
    "line of quantity 0": Flaw(
        "matchingOrderLines",
        f"{OF_NOTHING}/1",
        "QUANTITY_NOT_POSITIVE",
        _change("PorMasterDetail", OF_NOTHING, 1, MOrderQty=Decimal(0)),
        _change("PorMasterDetail", OF_NOTHING, 1, MOrderQty=Decimal(12)),
    ),
    "line with a discount by value": Flaw(
        "matchingOrderLines",
        f"{DISCOUNTED}/1",
        "VALUE_DISCOUNT",
        _change("PorMasterDetail", DISCOUNTED, 1, MDiscValFlag="V", MDiscValue=Decimal("2.50")),
        _change("PorMasterDetail", DISCOUNTED, 1, MDiscValFlag="", MDiscValue=Decimal(0)),
    ),
    "cost centre in two forms": Flaw(
        "costCenters",
        "100",
        "DUPLICATE_KEY",
        _insert("GenAnalysisCode", ("CC", 1, "100"), AnalysisCategory="DEPT", Description="Other"),
        _remove("GenAnalysisCode", "DEPT", 1, "100"),
    ),
}


@dataclass(frozen=True)
class Course:
    """Three runs, of which the first met every flaw, the second their corrections, and the third nothing new.

    `kept_back`, `held` and `told` (externalCodes in P2P, by entity) are as the first run left them, all else is as
    the last one did; `sent_last` is how many requests that made.
    """

    first: Mapping[str, PublishReport]
    second: Mapping[str, PublishReport]
    kept_back: Mapping[str, Problem]
    held: Collection[Record]
    told: Mapping[str, Collection[str]]
    sent_last: int
    pair: Pair


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Course]:
    folder = tmp_path_factory.mktemp("flaws")
    shutil.copy(empty_store, folder / "state.db")
    with open_pair(folder, MANY_ORDERS) as pair:
        for flaw in FLAWS.values():
            flaw.spoil(pair)
        first = pair.sync()
        kept_back = {problem.key: problem for problem in overview.quarantined(pair.connector)}
        told = {entity: frozenset(target(pair, entity)) for entity in ENDPOINTS}
        held = _held(pair)
        for flaw in FLAWS.values():
            flaw.correct(pair)
        second = pair.sync()
        before = posts(pair)
        pair.sync()
        yield Course(first, second, kept_back, held, told, posts(pair) - before, pair)


def _held(pair: Pair) -> list[Record]:
    with pair.connector.store.read() as connection:
        return list(records.with_problems(connection, ["held"]))


def _waits_for(pair: Pair, flaw: Flaw) -> set[str]:
    """Orders that cannot go without the record."""
    if flaw.entity != "vendors":
        return {flaw.key}
    rows = table(pair, "PorMasterHdr")
    return {str(row["PurchaseOrder"]) for row in rows if row["Supplier"] == flaw.key}


@pytest.mark.covers("H17")
@pytest.mark.parametrize("kind", FLAWS)
def test_a_record_that_cannot_be_told_is_kept_back_and_goes_once_it_is_corrected(
    course: Course, kind: str
) -> None:
    flaw, pair = FLAWS[kind], course.pair
    problem = course.kept_back[flaw.key]
    assert (problem.entity, problem.code) == (flaw.entity, flaw.code)
    assert problem.remedy
    assert flaw.entity == "matchingOrders" or flaw.key.partition("/")[0].strip() in problem.reason
    assert _code(pair, flaw.entity, flaw.key) not in course.told[flaw.entity]
    key = flaw.corrected_key or flaw.key
    assert record(pair, flaw.entity, key).state == "confirmed"
    assert _code(pair, flaw.entity, key) in target(pair, flaw.entity)


@pytest.mark.covers("H17")
def test_records_that_cannot_be_told_stop_nothing_else(course: Course) -> None:
    for report in course.first.values():
        assert_adds_up(report)
        assert report.confirmed == report.staged - report.quarantined - report.held > 0, "all others go"
    assert set(course.kept_back) == {*KEPT_BACK_ANYWAY, *(flaw.key for flaw in FLAWS.values())}
    waiting = set().union(*(_waits_for(course.pair, flaw) for flaw in FLAWS.values()))
    assert {one.key for one in course.held if one.entity == "matchingOrders"} <= waiting
    assert {one.parent for one in course.held if one.entity == "matchingOrderLines"} <= waiting
    assert {one.entity for one in course.held} == {"matchingOrders", "matchingOrderLines"}


def test_once_they_are_corrected_nothing_waits_and_nothing_is_sent_twice(course: Course) -> None:
    for report in course.second.values():
        assert_adds_up(report)
    assert _held(course.pair) == []
    assert states(course.pair, "matchingOrders") == {"published": course.second["matchingOrders"].staged}
    assert {problem.key for problem in overview.quarantined(course.pair.connector)} == {*KEPT_BACK_ANYWAY}
    assert course.sent_last == 0


def _code(pair: Pair, entity: str, key: str) -> str:
    parts = key.rsplit("/", 1) if entity == "matchingOrderLines" else [key]
    return code_of(pair, entity, *parts)


def test_a_row_that_is_read_twice_alike_is_one_record(pair: Pair) -> None:
    """Two categories hold the same cost centre under the same description."""
    _insert("GenAnalysisCode", ("CC", 1, "100"), AnalysisCategory="DEPT")(pair)
    report = refresh(pair, "costCenters")["costCenters"]
    assert (report.staged, report.confirmed, report.quarantined) == (4, 4, 0)
    assert in_target(pair, "costCenters", "100")["costCenterNames"][0]["translation"] == "Machining"
    assert len(target(pair, "costCenters")) == 4


@pytest.mark.covers("H17")
def test_rows_that_a_page_shows_twice_count_once(pair: Pair) -> None:
    """Suppliers, headers, lines and receipts, each doubled on its way: no receipt counts twice either."""
    pair.faults.arm("doubled_row", times=1000, site="syspro.odata")
    reports = pair.sync()
    assert pair.faults.drawn["doubled_row"] > 10
    pair.faults.disarm()
    for report in reports.values():
        assert_adds_up(report)
        assert report.failed == 0
    assert [reports[name].confirmed for name in ("vendors", "matchingOrders", "matchingOrderLines")] == [
        10,
        6,
        16,
    ]
    before = posts(pair)
    pair.sync()
    assert posts(pair) == before, "read once each, the records are the same"


def test_a_record_that_comes_in_two_forms_keeps_the_form_that_p2p_has(published: Pair) -> None:
    """Nothing is guessed: neither the one nor the other replaces what is there."""
    before = in_target(published, "costCenters", "100")
    _insert("GenAnalysisCode", ("CC", 1, "100"), AnalysisCategory="DEPT", Description="Other")(published)
    report = refresh(published, "costCenters")["costCenters"]
    assert (report.sent, report.quarantined, report.deactivated) == (0, 1, 0)
    assert in_target(published, "costCenters", "100") == before
    assert "2 different rows" in kept_back(published, "100").reason
    delete_row(published, "GenAnalysisCode", "CC", 1, "100")
    refresh(published, "costCenters")
    assert in_target(published, "costCenters", "100")["costCenterNames"][0]["translation"] == "Other"
