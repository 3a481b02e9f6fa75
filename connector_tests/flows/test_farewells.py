"""What is gone from SYSPRO is closed in P2P or made inactive there, never deleted, and never in masses."""

from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.flows.resending import closed
from connector_defs.sandbox.world import WorldOptions
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import audit
from connector_tests.flows.pair import TODAY, Pair, open_pair
from connector_tests.flows.published import (
    ORDER,
    ORDERLESS_SUPPLIER,
    assert_adds_up,
    delete_row,
    grow_order,
    in_target,
    is_gone,
    posts,
    record,
    refresh,
)

GONE = [
    ("ApSupplier", (ORDERLESS_SUPPLIER,), "vendors", ORDERLESS_SUPPLIER),
    ("GenMaster", ("M1", "00-6010"), "accounts", "00-6010"),
    ("TblApTerms", ("3D",), "paymentTerms", "3D"),
    ("AdmTax", ("B",), "taxCodes", "B  "),
    ("PorMasterHdr", (ORDER,), "matchingOrders", ORDER),
    ("PorMasterDetail", (ORDER, 1), "matchingOrderLines", f"{ORDER}/1"),
]


@pytest.mark.covers("H17")
@pytest.mark.parametrize(("table", "key", "entity", "record_key"), GONE)
def test_what_is_gone_in_syspro_is_flagged_in_p2p_and_comes_back_when_it_does(
    published: Pair, table: str, key: tuple[Value, ...], entity: str, record_key: str
) -> None:
    assert not is_gone(entity, in_target(published, entity, record_key))
    row = delete_row(published, table, *key)
    report = refresh(published, entity)[entity]
    assert (report.deactivated, report.sent, report.confirmed) == (1, 1, 1)
    assert is_gone(entity, in_target(published, entity, record_key))
    before = posts(published)
    refresh(published, entity)
    assert posts(published) == before, "told once"
    published.sandbox.world.tables[table].insert(row)
    refresh(published, entity)
    assert not is_gone(entity, in_target(published, entity, record_key))
    assert not [name for name in published.sandbox.basware.requests if name.startswith("DELETE")]
    assert audit.verify(published.connector.store).ok


@pytest.mark.parametrize(("table", "key", "entity", "record_key"), GONE[:1] + GONE[4:5])
def test_a_farewell_that_p2p_refused_is_said_again(
    published: Pair, table: str, key: tuple[Value, ...], entity: str, record_key: str
) -> None:
    delete_row(published, table, *key)
    published.faults.arm("target_error", match=f"/{entity}")
    assert refresh(published, entity)[entity].failed == 1
    refresh(published, entity)
    assert is_gone(entity, in_target(published, entity, record_key))
    assert record(published, entity, record_key).state == "confirmed"


def test_a_refused_change_of_a_record_that_is_then_gone_is_followed_by_its_farewell(published: Pair) -> None:
    table = published.sandbox.world.tables["ApSupplier"]
    table.update((ORDERLESS_SUPPLIER,), {"SupplierName": "Renamed Ltd"})
    published.faults.arm("target_error", match="/vendors")
    refresh(published, "vendors")
    assert record(published, "vendors", ORDERLESS_SUPPLIER).state == "failed"
    delete_row(published, "ApSupplier", ORDERLESS_SUPPLIER)
    refresh(published, "vendors")
    assert is_gone("vendors", in_target(published, "vendors", ORDERLESS_SUPPLIER))


def _empty(pair: Pair, table: str, *, but: int = 0) -> None:
    store = pair.sandbox.world.tables[table]
    for row in list(store)[but:]:
        assert store.delete(tuple(row[name] for name in store.schema.key))


def _active_vendors(pair: Pair) -> int:
    held = pair.sandbox.basware.in_target["vendors"].values()
    return sum(not is_gone("vendors", vendor) for vendor in held)


MANY = WorldOptions(suppliers=60, accounts=20, cost_centers=4, orders=0, lines=0, invoices=0, today=TODAY)


@pytest.mark.parametrize("left", [0, 12], ids=["none left", "a fifth left"])
def test_suppliers_that_vanish_in_masses_stay_active_and_a_person_is_told(folder: Path, left: int) -> None:
    with open_pair(folder, MANY) as pair:
        refresh(pair, "vendors")
        active = _active_vendors(pair)
        _empty(pair, "ApSupplier", but=left)
        report = refresh(pair, "vendors")["vendors"]
        assert (report.sent, report.deactivated) == (0, 0)
        (problem,) = [one for one in report.problems if one.code == "GONE_TOO_MANY"]
        assert f"shows {left} records and lacks {60 - left} known" in problem.reason
        assert "publishing.deactivate_at_most" in problem.remedy
        assert _active_vendors(pair) == active
        assert_adds_up(report)


def test_an_empty_table_of_few_records_closes_nothing(published: Pair) -> None:
    _empty(published, "TblApTerms")
    report = refresh(published, "paymentTerms")["paymentTerms"]
    assert (report.deactivated, [problem.code for problem in report.problems]) == (0, ["GONE_TOO_MANY"])


def test_masses_are_closed_where_the_settings_say_that_it_is_meant(folder: Path) -> None:
    with open_pair(folder, MANY, publishing={"deactivate_at_most": 1.0}) as pair:
        refresh(pair, "vendors")
        active = _active_vendors(pair)
        _empty(pair, "ApSupplier")
        assert refresh(pair, "vendors")["vendors"].deactivated >= active > 20
        assert _active_vendors(pair) == 0


def test_lines_kept_back_in_masses_stay_until_a_person_lifts_the_guard(folder: Path) -> None:
    with open_pair(folder) as pair:
        grow_order(pair, 30)
        pair.sync()
        table = pair.sandbox.world.tables["PorMasterDetail"]
        for number in range(100, 130):
            table.update((ORDER, number), {"MOrderQty": Decimal(0)})
        for _ in range(2):
            report = refresh(pair, "matchingOrderLines")["matchingOrderLines"]
            assert (report.quarantined, report.deactivated) == (30, 0)
            assert "GONE_TOO_MANY" in {problem.code for problem in report.problems}
        pair.connector.settings.publishing.__dict__["deactivate_at_most"] = 1.0
        assert refresh(pair, "matchingOrderLines")["matchingOrderLines"].deactivated == 30
        for number in range(100, 130):
            key = f"{ORDER}/{number}"
            assert is_gone("matchingOrderLines", in_target(pair, "matchingOrderLines", key))


def test_a_farewell_holds_nothing_that_basware_shows_and_does_not_take() -> None:
    told = closed(
        "vendors",
        {
            "vendorCode": "4711",
            "buvid": "1",
            "distributionStatus": "Done",
            "name": None,
            "processingStatus": {"active": True, "comment": None},
            "addresses": [{"name": "Ann", "postalZone": None}],
        },
    )
    assert told == {
        "vendorCode": "4711",
        "processingStatus": {"active": False},
        "addresses": [{"name": "Ann"}],
    }
