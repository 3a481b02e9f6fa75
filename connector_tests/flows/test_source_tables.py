"""Columns of SYSPRO that are gone, new or of another kind, and rows that SYSPRO counts itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows.entities import staged_table
from connector_defs.flows.extraction import stage
from connector_defs.flows.reports import DateWindow, StageReport
from connector_defs.flows.source_tables import accept, told_count
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import audit, control
from connector_defs.syspro.odata import ODataClient
from connector_tests.flows.pair import SMALL, TODAY, Pair, open_pair


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    with open_pair(folder) as opened:
        yield opened


def take(pair: Pair, name: str = "suppliers") -> StageReport:
    return stage(pair.connector, pair.company, name, DateWindow.day(TODAY))


def known(pair: Pair, name: str = "suppliers") -> control.SeenTable:
    with pair.connector.store.read() as connection:
        found = control.seen(connection, "M1", name)
    assert found is not None
    return found


def _forget_client(pair: Pair) -> None:
    pair.connector._odata.clear()


def _serve(monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None]) -> None:
    """Let the service give columns of ApSupplier in another form, or not at all where None."""
    look = ODataClient.columns

    def columns(client: ODataClient, table: Any) -> dict[str, str]:
        found = look(client, table) | {name: kind for name, kind in change.items() if kind is not None}
        return {name: kind for name, kind in found.items() if change.get(name, "") is not None}

    monkeypatch.setattr(ODataClient, "columns", columns)


def test_the_first_reading_remembers_and_tells_nothing(pair: Pair) -> None:
    report = take(pair)
    assert (report.new_columns, report.changed_columns, report.missing_columns) == ((), (), ())
    seen = known(pair)
    assert (seen.day, seen.rows, seen.counted) == (TODAY, 12, 12)
    assert seen.columns["SupplierName"] == "text"
    assert seen.columns["CurrentBalance"] == "number"


def test_a_new_column_is_told_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    take(pair)
    _serve(monkeypatch, {"MoodOfTheDay": "text"})
    assert take(pair).new_columns == ("MoodOfTheDay",)
    assert take(pair).new_columns == ()


@pytest.mark.parametrize("column", ["Email", "SupplierName"])
def test_a_column_that_was_there_and_is_gone_stops_its_table_alone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """Its records would go out with a blank where Basware has a value."""
    take(pair)
    _serve(monkeypatch, {column: None})
    with pytest.raises(
        Fatal, match=rf"no longer gives {column} of ApSupplier.*tables accept suppliers --company M1"
    ):
        take(pair)
    assert take(pair, "tax_codes").rows == 5


def test_a_column_that_is_gone_for_good_can_be_accepted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    take(pair)
    _serve(monkeypatch, {"Email": None})
    assert accept(pair.connector, pair.company, "suppliers", actor="ann")
    assert take(pair).missing_columns == ("Email",)
    assert take(pair).missing_columns == ("Email",), "it stays accepted"
    (event,) = audit.show(pair.connector.store, "tables/M1/suppliers")
    assert (event.actor, event.action) == ("ann", "accepted")
    assert audit.verify(pair.connector.store).ok


def test_a_table_that_was_never_read_cannot_be_accepted(pair: Pair) -> None:
    assert not accept(pair.connector, pair.company, "suppliers", actor="ann")


def test_a_column_that_nobody_reads_may_come_and_go(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    take(pair)
    _serve(monkeypatch, {"CurrentBalance": None})
    report = take(pair)
    assert (report.missing_columns, report.new_columns) == ((), ())
    monkeypatch.undo()
    assert take(pair).new_columns == ()


def test_a_text_that_became_a_number_stops_the_table(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """000000000000001 as a number is 1: no supplier that Basware knows."""
    take(pair)
    _serve(monkeypatch, {"Supplier": "number"})
    with pytest.raises(Fatal, match=r"another form than before \(Supplier: text became number\)"):
        take(pair)


def test_a_number_that_became_text_still_reads_exactly_and_is_told_once(folder: Path) -> None:
    with open_pair(folder) as pair:
        before = take(pair, "payment_terms")
        options = SysproOptions(decimals_as_strings=True)
        with Sandbox(SMALL, syspro_options=options) as other:
            pair.connector.settings.syspro.__dict__["odata_url"] = f"{other.syspro_url}/odata"
            _forget_client(pair)
            after = take(pair, "payment_terms")
            again = take(pair, "payment_terms")
    assert "DiscPct: number became text" in after.changed_columns
    assert again.changed_columns == ()
    assert after.rows == before.rows


def test_a_table_that_was_served_and_is_gone_is_not_taken_for_empty(pair: Pair) -> None:
    take(pair, "supplier_addresses")
    del pair.sandbox.world.tables["ApSupplierAddr"]
    with pytest.raises(Fatal, match=r"It was served before.*tables accept supplier_addresses"):
        take(pair, "supplier_addresses")
    accept(pair.connector, pair.company, "supplier_addresses", actor="ann")
    assert take(pair, "supplier_addresses").missing_columns == ("ApSupplierAddr",)


def test_an_empty_table_forgets_no_column(pair: Pair) -> None:
    take(pair, "tax_codes")
    table = pair.sandbox.world.tables["AdmTax"]
    for row in list(table):
        table.delete((row["TaxCode"],))
    assert take(pair, "tax_codes").rows == 0
    assert set(known(pair, "tax_codes").columns) >= set(staged_table("tax_codes").columns)


@pytest.mark.parametrize(("ledger", "number"), [(None, 20), ("G1", 20), ("M9", 0)])
def test_gl_codes_are_counted_in_the_ledger_that_is_read(
    folder: Path, ledger: str | None, number: int
) -> None:
    chosen = {"gl_company": ledger} if ledger == "M9" else {}
    with open_pair(folder, company=chosen) as pair:
        if ledger == "G1":
            accounts = pair.sandbox.world.tables["GenMaster"]
            for row in list(accounts):
                accounts.delete(("M1", row["GlCode"]))
                accounts.insert({**row, "Company": ledger})
        assert told_count(pair.connector, pair.company, "gl_accounts") == number


def test_a_table_that_grows_while_it_is_read_has_no_count(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([12, 13])
    monkeypatch.setattr(ODataClient, "count", lambda *_: next(numbers))
    report = take(pair)
    assert (report.rows, report.counted, known(pair).counted) == (12, None, None)
