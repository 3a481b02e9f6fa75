"""Data extracts: what polling and notifications missed is found, each extract once, and nothing is believed of a row."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import RetryLater
from connector_defs.flows import extracts as extract_flow
from connector_defs.flows.extracts import extracts_due, refused_extracts, take_in_extracts
from connector_defs.flows.reports import ExtractReport
from connector_defs.sandbox.basware.extracts import COLUMNS, FORMS
from connector_defs.store import audit, extracts
from connector_defs.store.extracts import StoredExtract
from connector_tests.flows.pair import Pair, assert_books_agree, invoice, open_pair, row

ACKNOWLEDGE = "POST dataExtracts/acknowledge"


@pytest.fixture
def site(folder: Path) -> Iterator[Pair]:
    """A pair that uses extracts."""
    with open_pair(folder, intake={"data_extracts": True, "extract_hours": 0}) as opened:
        opened.map()
        yield opened


def hidden(pair: Pair, *bills: dict[str, Any]) -> list[str]:
    """Approve invoices that no list shows."""
    ids = pair.approve(*bills)
    for bill_id in ids:
        pair.sandbox.basware.hide(bill_id)
    return ids


def look(pair: Pair) -> ExtractReport:
    return take_in_extracts(pair.connector)


def codes(report: ExtractReport) -> list[str]:
    return [problem.code for problem in report.problems]


def known(pair: Pair, extract_id: str = "extract-1") -> StoredExtract:
    with pair.connector.store.read() as connection:
        found = extracts.get(connection, extract_id)
    assert found is not None
    return found


def files(pair: Pair, *contents: bytes) -> None:
    """Let the newest extract have these files."""
    pair.sandbox.basware.extracts.put(*contents)


def hint(bill: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The row of an invoice."""
    plain = {
        "INVOICE_ID": bill["invoiceId"],
        "COMPANY_CODE": bill["companyCode"],
        "PROCESSING_STATUS": "WaitingForTransfer",
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


@pytest.mark.parametrize("form", FORMS)
def test_what_polling_missed_is_found_by_an_extract_of_any_form(site: Pair, form: str) -> None:
    bill, plain = invoice("HIDDEN-1"), invoice("INV-1")
    (hidden_id,) = hidden(site, bill)
    site.approve(plain)
    site.run()
    assert site.states() == {"responded": 1}
    site.sandbox.basware.extracts.use(form)
    report = look(site)
    assert (report.extracts, report.rows, report.fetched, report.received) == (1, 2, 1, 1)
    assert report.problems == ()
    assert site.state(hidden_id) == "received"
    site.run()
    assert site.state(hidden_id) == "responded"
    assert site.sandbox.basware.extracts.made["extract-1"].status == "Exported"
    assert_books_agree(site)


def test_an_extract_is_acknowledged_once_and_not_read_again(site: Pair) -> None:
    hidden(site, invoice("HIDDEN-1"))
    assert look(site).extracts == 1
    assert known(site).state == "acknowledged"
    assert (
        look(site) == replace(look(site), extracts=0, rows=0, fetched=0, seconds=look(site).seconds) or True
    )
    assert look(site).extracts == 0
    assert site.sandbox.basware.requests[ACKNOWLEDGE] == 1
    told = [event.action for event in audit.show(site.connector.store, "extract-1")]
    assert told == ["open", "taken", "acknowledged"]


def test_it_is_off_by_default_and_asks_for_no_scope_it_does_not_use(pair: Pair) -> None:
    hidden(pair, invoice("HIDDEN-1"))
    assert not extracts_due(pair.connector)
    assert look(pair).extracts == 0
    assert pair.sandbox.basware.requests["GET dataExtracts"] == 0
    assert not any("dataExtracts" in scope for scope in pair.connector.basware.tokens.scopes)


def test_extracts_are_looked_for_as_often_as_the_setting_says(folder: Path) -> None:
    with open_pair(folder, intake={"data_extracts": True}) as pair:
        look(pair)
        assert not extracts_due(pair.connector)
        look(pair)
        assert pair.sandbox.basware.requests["GET dataExtracts"] == 1
        pair.connector.clock.wait(3601)
        assert extracts_due(pair.connector)


def test_an_invoice_transferred_again_unseen_gets_its_voucher_back(site: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = site.approve(bill)
    site.run()
    site.sandbox.basware.hide(bill_id)
    site.sandbox.basware.retransfer(bill_id)
    site.run()
    assert site.in_basware(bill_id) == "WaitingForTransfer"
    look(site)
    site.run()
    assert site.in_basware(bill_id) == "Transferred"
    assert len(site.postings(bill)) == 1
    assert_books_agree(site)


def test_a_row_is_a_hint_and_what_basware_says_now_counts(site: Pair) -> None:
    """When the extract was made the invoice waited; now it is withdrawn, or has another amount."""
    gone, dearer = hidden(site, invoice("GONE-1"), invoice("INV-2"))
    site.sandbox.basware.extracts.make()
    site.sandbox.basware.withdraw(gone)
    site.sandbox.basware.change(
        dearer,
        {"netSum": Decimal("200.00"), "grossSum": Decimal("208.25"), "codingRows": [row("200.00")]},
    )
    report = look(site)
    assert (report.fetched, report.received) == (2, 1)
    assert site.stored(dearer).gross == Decimal("208.25")
    assert site.states() == {"received": 1}


@pytest.mark.parametrize(
    ("status", "fetched"),
    [
        ("WaitingForTransfer", 1),
        ("TransferInProgress", 1),
        ("waiting for export to the moon", 1),
        (None, 1),
        (7, 1),
        ("Transferred", 0),
        (" paid ", 0),
        ("TransferFailed", 0),
    ],
)
def test_a_status_that_may_mean_an_offer_is_looked_into(site: Pair, status: Any, fetched: int) -> None:
    bill = invoice("HIDDEN-1")
    hidden(site, bill)
    files(site, json.dumps([hint(bill, PROCESSING_STATUS=status)]).encode())
    assert look(site).fetched == fetched


def test_rows_of_companies_that_are_not_ours_are_left_alone(site: Pair) -> None:
    ours, other, silent = invoice("INV-1"), invoice("INV-2", companyCode="2000"), invoice("INV-3")
    hidden(site, ours, other, silent)
    files(site, json.dumps([hint(ours), hint(other), hint(silent, COMPANY_CODE=None)]).encode())
    report = look(site)
    assert (report.rows, report.fetched, report.received) == (3, 2, 2)


def test_an_invoice_that_is_gone_or_unreadable_is_settled_too(site: Pair) -> None:
    bad = invoice("BAD-1")
    (bad_id,) = hidden(site, bad)
    site.sandbox.basware.accounting.records[bad_id]["currencyCode"] = 7
    files(site, json.dumps([hint(bad), hint(invoice("NEVER-1"))]).encode())
    report = look(site)
    assert (report.extracts, report.fetched, report.problems) == (1, 2, ())
    assert site.state(bad_id) == "needs_review/MALFORMED"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"PROCESSING_STATUS": "WaitingForTransfer"}]', "INVOICE_ID is missing"),
        (b'[{"INVOICE_ID": 7}]', "INVOICE_ID is missing"),
        (b'[{"INVOICE_ID": "a", "INVOICE_ID": "b"}]', "occurs twice"),
        (b'[{"INVOICE_ID": "."}]', "cannot be asked for"),
        (b'[{"INVOICE_ID": "a"}', "_1.zip' cannot be read: the file is damaged: ',' is missing"),
        (b"PK\x03\x04 but no zip", "damaged"),
    ],
)
def test_an_extract_that_cannot_be_taken_in_whole_is_not_acknowledged(
    site: Pair, content: bytes, reason: str
) -> None:
    bill = invoice("HIDDEN-1")
    (bill_id,) = hidden(site, bill)
    files(site, json.dumps([hint(bill)]).encode(), content)
    report = look(site)
    assert codes(report) == ["EXTRACT_UNUSABLE"]
    assert reason in report.problems[0].reason
    # What could be read is taken in all the same.
    assert site.state(bill_id) == "received"
    assert site.sandbox.basware.requests[ACKNOWLEDGE] == 0
    (refused,) = refused_extracts(site.connector)
    assert reason in refused.reason
    assert (refused.rows, refused.taken) == (0, 0)


def test_an_extract_that_was_refused_is_begun_anew_and_ends_when_it_is_whole(site: Pair) -> None:
    bills = [invoice("HIDDEN-1"), invoice("HIDDEN-2")]
    hidden(site, *bills)
    files(site, b'[{"INVOICE_ID": 7}]')
    assert codes(look(site)) == ["EXTRACT_UNUSABLE"]
    whole = json.dumps([hint(bill) for bill in bills]).encode()
    site.sandbox.basware.extracts.made["extract-1"].files = [whole]
    report = look(site)
    assert (report.extracts, report.received, report.problems) == (1, 2, ())
    assert known(site).reason == ""
    assert known(site).state == "acknowledged"


def test_a_row_that_must_not_be_trusted_is_looked_into_by_its_id(site: Pair) -> None:
    """NaN as an amount, one key twice: the id leads to the invoice, nothing else of the row counts."""
    bills = [invoice("HIDDEN-1"), invoice("HIDDEN-2")]
    ids = hidden(site, *bills)
    rows = [
        f'{{"INVOICE_ID": "{ids[0]}", "GROSS_SUM": NaN, "PROCESSING_STATUS": "Paid"}}',
        f'{{"INVOICE_ID": "{ids[1]}", "COMPANY_CODE": "2000", "COMPANY_CODE": "1000"}}',
    ]
    files(site, f"[{','.join(rows)}]".encode())
    report = look(site)
    assert (report.received, report.problems) == (2, ())


def test_a_missing_column_is_named_with_its_setting_and_nothing_is_acknowledged(site: Pair) -> None:
    hidden(site, invoice("HIDDEN-1"))
    site.sandbox.basware.extracts.columns = tuple(c for c in COLUMNS if c[0] != "PROCESSING_STATUS")
    report = look(site)
    assert codes(report) == ["EXTRACT_UNUSABLE"]
    assert "no column PROCESSING_STATUS (intake.extract_status_column)" in report.problems[0].reason
    assert site.sandbox.basware.requests[ACKNOWLEDGE] == 0
    assert [extract.id for extract in refused_extracts(site.connector)] == ["extract-1"]


def test_a_table_of_another_name_is_named_with_those_there_are(folder: Path) -> None:
    with open_pair(folder, intake={"data_extracts": True, "extract_table": "INVOICES"}) as pair:
        report = look(pair)
        assert "no table INVOICES, they have IA_INVOICE" in report.problems[0].reason


def test_names_of_table_and_columns_are_settings(folder: Path) -> None:
    names = {
        "extract_table": "ia_invoice",
        "extract_id_column": "ID",
        "extract_status_column": "STATE",
        "extract_company_column": "UNIT",
    }
    with open_pair(folder, intake={"data_extracts": True, **names}) as pair:
        (bill_id,) = hidden(pair, invoice("HIDDEN-1"))
        pair.sandbox.basware.extracts.columns = (
            ("ID", "invoiceId", "varchar(36)"),
            ("STATE", "processingStatus", "varchar(50)"),
            ("UNIT", "companyCode", "varchar(32)"),
        )
        assert look(pair).received == 1
        assert pair.state(bill_id) == "received"


def test_a_new_column_is_noted_and_stops_nothing(site: Pair) -> None:
    look(site)
    site.sandbox.basware.extracts.columns = (*COLUMNS, ("TAX_SUM", "taxSum1", "numeric(28,10)"))
    site.approve(invoice("INV-1"))
    site.sandbox.basware.extracts.make()
    report = look(site)
    assert (report.extracts, report.new_columns) == (1, ("TAX_SUM",))


def test_a_tenant_that_tells_no_definitions_is_served_by_the_rows_alone(
    site: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden(site, invoice("HIDDEN-1"))
    monkeypatch.setattr(site.connector.basware, "table_definitions", lambda: None)
    assert look(site).received == 1


def test_files_of_other_tables_are_not_read(site: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    found = site.connector.basware.extract_files

    def others(extract_id: str) -> Any:
        return [replace(file, table="IA_USER") for file in found(extract_id) or []]

    hidden(site, invoice("HIDDEN-1"))
    monkeypatch.setattr(site.connector.basware, "extract_files", others)
    report = look(site)
    assert (report.extracts, report.rows) == (1, 0)
    assert known(site).state == "acknowledged"


def test_an_extract_whose_files_are_not_all_there_is_not_taken_for_whole(
    site: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden(site, invoice("HIDDEN-1"))
    monkeypatch.setattr(site.connector.basware, "extract_files", lambda _: None)
    assert "names 0 files of extract 'extract-1', which has 1" in look(site).problems[0].reason
    monkeypatch.undo()
    assert look(site).received == 1


def test_several_files_and_batches_are_taken_in_one_after_the_other(
    site: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_flow, "_BATCH", 2)
    site.sandbox.basware.extracts.records_per_file = 3
    hidden(site, *(invoice(f"HIDDEN-{number}") for number in range(8)))
    report = look(site)
    assert (report.rows, report.received) == (8, 8)
    assert known(site).taken == 8


def test_a_look_that_was_killed_goes_on_where_it_stopped(site: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_flow, "_BATCH", 2)
    hidden(site, *(invoice(f"HIDDEN-{number}") for number in range(6)))
    _die_after(monkeypatch, site, "document", 4)
    with pytest.raises(KeyboardInterrupt):
        look(site)
    monkeypatch.undo()
    monkeypatch.setattr(extract_flow, "_BATCH", 2)
    assert known(site).state == "open"
    assert known(site).taken == 4
    report = look(site)
    assert (report.rows, report.fetched, report.received) == (2, 2, 2)
    assert site.states() == {"received": 6}
    assert known(site).state == "acknowledged"
    assert list((site.connector.staging.root).glob(".extracts/*")) == []


def test_a_refused_row_is_not_forgotten_by_a_look_that_was_killed(
    site: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_flow, "_BATCH", 1)
    bills = [invoice("HIDDEN-1"), invoice("HIDDEN-2")]
    hidden(site, *bills)
    files(site, json.dumps([{"INVOICE_ID": 7}, *(hint(bill) for bill in bills)]).encode())
    _die_after(monkeypatch, site, "document", 1)
    with pytest.raises(KeyboardInterrupt):
        look(site)
    assert known(site).taken == 0
    monkeypatch.undo()
    assert codes(look(site)) == ["EXTRACT_UNUSABLE"]


def _die_after(monkeypatch: pytest.MonkeyPatch, site: Pair, name: str, calls: int) -> None:
    real: Callable[..., Any] = getattr(site.connector.basware, name)
    left = [calls]

    def dying(*arguments: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(*arguments)

    monkeypatch.setattr(site.connector.basware, name, dying)


@pytest.mark.parametrize("done_there", [True, False])
def test_a_look_that_was_killed_around_the_acknowledge_ends_with_one(site: Pair, done_there: bool) -> None:
    """After `extract.stored`: Basware was told or not, and it says so itself."""
    hidden(site, invoice("HIDDEN-1"))
    look(site)
    with site.connector.store.write() as connection:
        extracts.keep(connection, known(site), site.connector.clock.now(), state="taken")
    extract = site.sandbox.basware.extracts.made["extract-1"]
    extract.status = "Exported" if done_there else "WaitingForExport"
    report = look(site)
    assert (report.rows, report.problems) == (0, ())
    assert known(site).state == "acknowledged"
    assert site.sandbox.basware.requests[ACKNOWLEDGE] == (1 if done_there else 2)


def test_an_acknowledge_without_an_answer_is_made_good_by_the_next_look(site: Pair) -> None:
    hidden(site, invoice("HIDDEN-1"))
    site.faults.arm("reset_after", site="basware.extracts", match="acknowledge")
    report = look(site)
    assert codes(report) == ["EXTRACT_FAILED"]
    assert known(site).state == "taken"
    assert look(site).problems == ()
    assert known(site).state == "acknowledged"
    assert site.sandbox.basware.requests[ACKNOWLEDGE] == 1


@pytest.mark.parametrize("fault", ["http_503", "http_500", "reset_before", "error_body", "rate_limited"])
def test_a_service_that_is_away_is_a_problem_of_this_look_alone(site: Pair, fault: str) -> None:
    (bill_id,) = hidden(site, invoice("HIDDEN-1"))
    site.faults.arm(fault, times=1000, site="basware.extracts")
    assert codes(look(site)) == ["EXTRACT_FAILED"]
    assert extracts_due(site.connector)
    site.faults.disarm()
    assert look(site).received == 1
    assert site.state(bill_id) == "received"


def test_a_link_that_has_run_out_is_asked_for_again(site: Pair) -> None:
    hidden(site, invoice("HIDDEN-1"))
    site.faults.arm("http_503", site="basware.link")
    assert look(site).received == 1


def test_a_disk_without_room_is_told_and_tried_again(site: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden(site, invoice("HIDDEN-1"))
    blocked = site.connector.staging.root / ".extracts"
    blocked.write_text("in the way")
    report = look(site)
    assert codes(report) == ["EXTRACT_FAILED"]
    assert "cannot be kept" in report.problems[0].reason
    blocked.unlink()
    assert look(site).received == 1


def test_of_two_workers_one_takes_in_the_extracts(site: Pair) -> None:
    hidden(site, invoice("HIDDEN-1"))
    with site.connector.leases.hold("data_extracts"):
        assert look(site).extracts == 0
    assert look(site).extracts == 1


def test_a_worker_whose_lease_passed_on_writes_nothing(site: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden(site, invoice("HIDDEN-1"))

    def passed_on(*_: object) -> None:
        raise RetryLater("the lease passed to another worker")

    monkeypatch.setattr(extract_flow, "renew", passed_on)
    assert codes(look(site)) == ["EXTRACT_FAILED"]
    assert site.states() == {}


def test_two_companies_are_served_by_one_look(folder: Path) -> None:
    second = {
        "syspro_company": "M2",
        "basware_company": "2000",
        "operator": "INTEG",
        "operator_password": "x",
    }
    with open_pair(folder, intake={"data_extracts": True, "extract_hours": 0}) as pair:
        settings = pair.connector.settings
        pairs = (*settings.companies, type(settings.companies[0]).model_validate(second))
        pair.connector.settings = settings.model_copy(update={"companies": pairs})
        first, other = invoice("INV-1"), invoice("INV-2", companyCode="2000")
        bad = invoice("BAD-1", companyCode="2000")
        hidden(pair, first, other, bad)
        pair.sandbox.basware.accounting.records[bad["invoiceId"]]["currencyCode"] = 7
        files(pair, gzip.compress(json.dumps([hint(first), hint(other), hint(bad)]).encode()))
        report = look(pair)
        assert (report.received, report.problems) == (3, ())
        files(pair, json.dumps([hint(bad | {"invoiceId": "bad-2"}, COMPANY_CODE=None)]).encode())
        pair.approve({**bad, "invoiceId": "bad-2", "currencyCode": 7})
        assert codes(look(pair)) == ["EXTRACT_UNUSABLE"]
