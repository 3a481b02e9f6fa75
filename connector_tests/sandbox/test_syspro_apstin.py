"""APSTIN: what SYSPRO takes, what it refuses and by which element, and what a posting leaves in the tables."""

from decimal import Decimal
from typing import Any

import pytest

from connector_defs.sandbox.syspro import SysproOptions
from connector_defs.sandbox.world.ledger_codes import AP_CONTROL_GL, GRN_CLEARING_GL, PRICE_VARIANCE_GL
from connector_tests.sandbox.syspro_wire import (
    Wire,
    a_supplier,
    an_account,
    ap_document,
    ap_item,
    ap_parameters,
    errors_of,
    grn_details,
    matched_item,
    open_receipt,
    running,
)


def post(wire: Wire, *items: dict[str, Any], **parameters: str) -> dict[str, str]:
    """Errors of the answer by element."""
    return errors_of(wire.post("APSTIN", ap_document(*items), ap_parameters(**parameters)))


def refused(wire: Wire, **changed: Any) -> dict[str, str]:
    """Errors of the usual invoice with these changes, which must not have been posted."""
    errors = post(wire, ap_item(wire.world, **changed))
    assert wire.sandbox.ledger.invoices == []
    return errors


def test_a_posting_answers_with_its_journal_key_and_an_empty_count_of_invalid_items() -> None:
    with running() as wire:
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world)))
        key = answer.find("Item/Transaction/Key")
        assert key is not None
        assert [child.text for child in key] == ["2026", "03", "00001", "001"]
        assert answer.findtext("Item/Transaction/Invoice") == "INV-1"
        assert answer.findtext("StatusOfItems/GlJournal/GlJournal") == "00001"
        assert answer.findtext("StatusOfItems/ItemsProcessed") == "00001"
        assert answer.findtext("StatusOfItems/ItemsInvalid") == ""


def test_a_posting_is_seen_at_once_in_every_table() -> None:
    with running() as wire:
        supplier = a_supplier(wire.world)
        before = wire.rows("ApSupplier", filter=f"Supplier eq '{supplier}'")[0]["CurrentBalance"]
        post(wire, ap_item(wire.world, TransactionReference="R" * 45))
        (invoice,) = wire.rows("ApInvoice", filter=f"Supplier eq '{supplier}' and Invoice eq 'INV-1'")
        assert (invoice["OrigInvValue"], invoice["MthInvBal1"]) == (120.0, 120.0)
        assert invoice["Reference"] == "R" * 30
        assert invoice["InvoiceDate"] == "2026-03-10T00:00:00Z"
        assert (invoice["InvoiceYear"], invoice["InvoiceMonth"]) == (2026, 3)
        period = "TrnYear eq 2026 and TrnMonth eq 3"
        (summary,) = wire.rows("ApJnlSummary", filter=period)
        assert (summary["Journal"], summary["TransactionCode"]) == (invoice["Journal"], "I")
        lines = wire.rows("ApJnlDistrib", filter=period)
        assert [line["DistrValue"] for line in lines] == [100.0, 20.0]
        ledger = wire.rows("GenJournalDetail", filter="SubModInvoice eq 'INV-1'")
        assert [line["EntryValue"] for line in ledger] == [100.0, 20.0, -120.0]
        assert ledger[-1]["GlCode"] == AP_CONTROL_GL
        after = wire.rows("ApSupplier", filter=f"Supplier eq '{supplier}'")[0]["CurrentBalance"]
        assert after - before == 120.0


@pytest.mark.parametrize(
    ("changed", "element", "text"),
    [
        ({"Supplier": "000000000099999"}, "Supplier", "Supplier '000000000099999' not found"),
        ({"Supplier": None}, "Supplier", "cannot be spaces"),
        ({"Invoice": ""}, "Invoice", "{Invoice} cannot be spaces"),
        ({"Invoice": "X" * 21}, "Invoice", "longer than 20"),
        ({"TransactionValue": "120.001"}, "TransactionValue", "not numeric"),
        ({"TransactionValue": "1,200.00"}, "TransactionValue", "not numeric"),
        ({"TransactionValue": None}, "TransactionValue", "cannot be spaces"),
        ({"TransactionValue": "120.01"}, "TransactionValue", "does not equal"),
        ({"InvoiceDate": "10.03.2026"}, "InvoiceDate", "CCYY-MM-DD"),
        ({"InvoiceDate": "2026-02-30"}, "InvoiceDate", "CCYY-MM-DD"),
        ({"TransactionCode": "Q"}, "TransactionCode", "invalid"),
        ({"TransactionCode": "C"}, "Invoice", "Invoice 'INV-1' not found"),
        ({"TaxCode": "X"}, "TaxCode", "Tax code 'X' not found"),
    ],
)
def test_a_wrong_element_is_named(changed: dict[str, Any], element: str, text: str) -> None:
    with running() as wire:
        assert text in refused(wire, **changed)[element]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("99-9999", "not found"),
        ("00-9000", "statistical account"),
        ("00-9999", "template account"),
        (AP_CONTROL_GL, "control account"),
    ],
)
def test_a_ledger_code_that_cannot_be_posted_to_is_refused(code: str, text: str) -> None:
    with running() as wire:
        errors = refused(wire, LedgerDistribution=[{"LedgerCode": code, "LedgerValue": "120.00"}])
        assert text in errors["LedgerCode"]


def test_several_wrong_fields_are_told_at_once() -> None:
    with running() as wire:
        errors = refused(wire, Supplier="NOBODY", InvoiceDate="soon", TaxCode="X", Invoice="X" * 30)
        assert set(errors) == {"Supplier", "InvoiceDate", "TaxCode", "Invoice"}


def test_an_error_answer_counts_its_items() -> None:
    with running() as wire:
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world, Supplier="NOBODY")))
        assert answer.findtext("StatusOfItems/ItemsProcessed") == "00000"
        assert answer.findtext("StatusOfItems/ItemsInvalid") == "00001"
        assert answer.find("Item/Transaction") is None


def test_an_invoice_number_is_posted_once_per_supplier_by_its_exact_text() -> None:
    with running() as wire:
        assert post(wire, ap_item(wire.world)) == {}
        assert post(wire, ap_item(wire.world))["Invoice"] == "Invoice 'INV-1' already on file"
        assert post(wire, ap_item(wire.world, Invoice="inv-1")) == {}
        assert len(wire.sandbox.ledger.invoices) == 2


def test_one_number_twice_in_one_document_is_a_duplicate() -> None:
    with running() as wire:
        assert "Invoice" in post(wire, ap_item(wire.world), ap_item(wire.world))
        assert wire.sandbox.ledger.invoices == []


def test_one_bad_item_rejects_the_document_unless_asked_otherwise() -> None:
    with running() as wire:
        good, bad = ap_item(wire.world), ap_item(wire.world, Invoice="INV-2", TransactionValue="1.00")
        assert post(wire, good, bad)
        assert wire.sandbox.ledger.invoices == []
        assert post(wire, good, bad, ApplyIfEntireDocumentValid="N")
        assert [each.entry.invoice for each in wire.sandbox.ledger.invoices] == ["INV-1"]


def test_validate_only_posts_nothing() -> None:
    with running() as wire:
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world)), ap_parameters(ValidateOnly="Y"))
        assert answer.findtext("StatusOfItems/ItemsInvalid") == ""
        assert answer.find("Item/Transaction") is None
        assert wire.sandbox.ledger.invoices == []


def held_supplier_item(wire: Wire) -> dict[str, Any]:
    return ap_item(wire.world, Supplier=a_supplier(wire.world, OnHold="Y"))


def held_account_item(wire: Wire) -> dict[str, Any]:
    code = an_account(wire.world, AccOnHldFlag="Y")
    return ap_item(wire.world, LedgerDistribution=[{"LedgerCode": code, "LedgerValue": "120.00"}])


@pytest.mark.parametrize(
    ("build", "element"), [(held_supplier_item, "Supplier"), (held_account_item, "LedgerCode")]
)
def test_a_hold_is_a_warning_that_rejects_posts_silently_or_posts_and_tells(build: Any, element: str) -> None:
    with running() as wire:
        item = build(wire)
        answer = wire.post("APSTIN", ap_document(item))
        assert "on hold" in errors_of(answer)[element]
        assert answer.findtext("StatusOfItems/ItemsRejectedWithWarnings") == "00001"
        assert wire.sandbox.ledger.invoices == []
        told = wire.post("APSTIN", ap_document(item), ap_parameters(IgnoreWarnings="W"))
        assert "on hold" in str(told.findtext("Item/WarningMessages/WarningDescription"))
        assert told.findtext("StatusOfItems/ItemsProcessedWithWarnings") == "00001"
        silent = wire.post(
            "APSTIN", ap_document({**item, "Invoice": "INV-2"}), ap_parameters(IgnoreWarnings="Y")
        )
        assert silent.find("Item/WarningMessages") is None
        assert len(wire.sandbox.ledger.invoices) == 2


@pytest.mark.parametrize(("letter", "period"), [("C", (2026, 3)), ("P", (2026, 2)), ("B", (2026, 1))])
def test_periods_are_relative_and_must_be_open(letter: str, period: tuple[int, int]) -> None:
    with running() as wire:
        wire.control("POST", "periods", period=letter, open=True)
        assert post(wire, ap_item(wire.world), PostingPeriod=letter) == {}
        posted = wire.sandbox.ledger.invoices[0]
        assert (posted.year, posted.month) == period
        wire.control("POST", "periods", period=letter, open=False)
        errors = post(wire, ap_item(wire.world, Invoice="INV-2"), PostingPeriod=letter)
        assert "posting period closed" in errors["PostingPeriod"]


def test_a_calendar_month_is_no_posting_period() -> None:
    with running() as wire:
        assert "C, P or B" in post(wire, ap_item(wire.world), PostingPeriod="3")["PostingPeriod"]


def test_journal_numbers_run_on_within_a_period() -> None:
    with running() as wire:
        for number in range(3):
            post(wire, ap_item(wire.world, Invoice=f"I{number}"))
        assert [each.journal for each in wire.sandbox.ledger.invoices] == [1, 2, 3]


def net_lines(wire: Wire, value: str = "100.00") -> list[dict[str, str]]:
    return [{"LedgerCode": an_account(wire.world), "LedgerValue": value}]


@pytest.mark.parametrize(
    ("changed", "balances"),
    [
        ({"TaxValue": "20.00"}, True),
        ({"TaxValue": "19.99"}, False),
        ({"TaxValue": "10.00", "FreightCharge": "7.00", "MiscellaneousCharge": "3.00"}, True),
        ({"TaxValue": "0.00", "TransactionValue": "100.00"}, True),
        ({}, False),
        ({"TaxBasis": "I", "TransactionValue": "100.00", "TaxValue": "16.67"}, True),
    ],
)
def test_lines_tax_and_charges_must_make_up_the_transaction_value(
    changed: dict[str, str], balances: bool
) -> None:
    with running() as wire:
        errors = post(wire, ap_item(wire.world, LedgerDistribution=net_lines(wire), **changed))
        assert ("TransactionValue" not in errors) is balances


def test_a_tax_only_line_and_a_tax_value_count_twice() -> None:
    with running() as wire:
        assert "TransactionValue" in refused(wire, TaxValue="20.00")


def test_a_blank_tax_value_is_zero_unless_tax_is_automatic() -> None:
    with running() as wire:
        item = ap_item(wire.world, TaxCode="A", LedgerDistribution=net_lines(wire))
        assert "TransactionValue" in post(wire, item)
        assert post(wire, item, AutomaticTaxCalculation="Y") == {}
        tax = wire.sandbox.ledger.invoices[0].entry.distributions[-1]
        assert (tax.gl_code, tax.value, tax.purpose) == ("00-2310", Decimal("20.00"), "tax")


@pytest.mark.parametrize(("variance", "passes"), [("0", False), ("0.04", False), ("0.05", True)])
def test_sent_tax_may_differ_from_computed_tax_by_the_variance(variance: str, passes: bool) -> None:
    with running() as wire:
        item = ap_item(
            wire.world,
            TaxCode="A",
            TaxValue="20.05",
            TransactionValue="120.05",
            LedgerDistribution=net_lines(wire),
        )
        errors = post(wire, item, PermissibleTaxVariance=variance)
        assert ("TaxValue" not in errors) is passes
        if passes:
            posted = wire.sandbox.ledger.invoices[0].entry.distributions
            assert [line.value for line in posted] == [Decimal("100.05"), Decimal("20.00")]


@pytest.mark.parametrize(
    ("codes", "header", "parts"),
    [
        (("A", "B"), "", [("100.00", "expense"), ("10.00", "expense"), ("20.00", "tax"), ("0.50", "tax")]),
        (("", ""), "A", [("100.00", "expense"), ("8.75", "expense"), ("21.75", "tax")]),
        (("", ""), "", [("99.50", "expense"), ("10.50", "expense"), ("20.50", "tax")]),
    ],
    ids=["a code for each line", "the header's code for all", "no code at all"],
)
def test_inclusive_lines_are_parted_into_net_and_tax(
    codes: tuple[str, str], header: str, parts: list[tuple[str, str]]
) -> None:
    with running() as wire:
        lines = [
            {**net_lines(wire, value)[0], "LedgerTaxCode": code}
            for value, code in zip(("120.00", "10.50"), codes, strict=True)
        ]
        item = ap_item(
            wire.world,
            TaxBasis="I",
            TaxCode=header,
            TaxValue="21.75" if header else "20.50",
            TransactionValue="130.50",
            LedgerDistribution=lines,
        )
        assert post(wire, item) == {}
        posted = wire.sandbox.ledger.invoices[0].entry.distributions
        assert [(str(line.value), line.purpose) for line in posted] == parts
        assert sum(line.value for line in posted) == Decimal("130.50")


def test_contained_tax_beyond_the_variance_is_refused() -> None:
    with running() as wire:
        lines = [{**net_lines(wire, "120.00")[0], "LedgerTaxCode": "A"}]
        changed = {"TaxBasis": "I", "TaxValue": "19.99", "LedgerDistribution": lines}
        assert "permissible variance" in refused(wire, **changed)["TaxValue"]
        assert post(wire, ap_item(wire.world, **changed), PermissibleTaxVariance="0.01") == {}


@pytest.mark.parametrize(
    ("element", "column"), [("FreightCharge", "FreightGlCode"), ("MiscellaneousCharge", "MerchGlCode")]
)
def test_a_charge_needs_the_suppliers_account_for_it(element: str, column: str) -> None:
    with running() as wire:
        supplier = a_supplier(wire.world)
        wire.world.tables["ApSupplier"].update((supplier,), {column: ""})
        errors = refused(
            wire, TransactionValue="110.00", LedgerDistribution=net_lines(wire), **{element: "10.00"}
        )
        assert column in errors[element]


def test_the_journal_notation_is_told_in_the_ledger() -> None:
    with running() as wire:
        post(wire, ap_item(wire.world, Notation="first", JournalNotation="second"))
        assert wire.sandbox.ledger.gl_lines[-1].comment == "first second"


def test_a_tax_value_without_a_tax_code_is_not_computed_again() -> None:
    with running() as wire:
        item = ap_item(
            wire.world, TaxValue="1.23", TransactionValue="101.23", LedgerDistribution=net_lines(wire)
        )
        assert post(wire, item) == {}


def test_a_negative_invoice_lowers_the_balance() -> None:
    with running() as wire:
        lines = net_lines(wire, "-100.00")
        assert post(wire, ap_item(wire.world, TransactionValue="-100.00", LedgerDistribution=lines)) == {}
        assert wire.sandbox.ledger.invoices[0].entry.value == Decimal("-100.00")
        assert [line.value for line in wire.sandbox.ledger.gl_lines] == [
            Decimal("-100.00"),
            Decimal("100.00"),
        ]


def test_a_credit_note_lowers_the_invoice_it_names() -> None:
    with running() as wire:
        post(wire, ap_item(wire.world))
        credit = ap_item(
            wire.world,
            TransactionCode="C",
            TransactionValue="50.00",
            LedgerDistribution=net_lines(wire, "50.00"),
        )
        assert post(wire, credit) == {}
        (invoice,) = wire.rows("ApInvoice", filter="Invoice eq 'INV-1'")
        assert (invoice["OrigInvValue"], invoice["MthInvBal1"], invoice["TotalAdjustments"]) == (
            120.0,
            70.0,
            -50.0,
        )
        assert sum(line.value for line in wire.sandbox.ledger.gl_lines) == 0


@pytest.mark.parametrize(("rate", "local"), [(None, "108.50"), ("1.2", "120.00")])
def test_a_foreign_invoice_is_posted_in_its_currency_and_kept_in_ours(rate: str | None, local: str) -> None:
    with running() as wire:
        item = ap_item(
            wire.world,
            Supplier=a_supplier(wire.world, currency="EUR"),
            TransactionValue="100.00",
            ExchRateAtEntry=rate,
            LedgerDistribution=net_lines(wire),
        )
        assert post(wire, item, LedgerDistributionCurrency="F") == {}
        line = wire.sandbox.ledger.invoices[0].entry.distributions[0]
        assert (line.value, line.local_value) == (Decimal("100.00"), Decimal(local))
        (invoice,) = wire.rows("ApInvoice", filter="Invoice eq 'INV-1'")
        assert (invoice["Currency"], invoice["OrigInvValue"]) == ("EUR", 100.0)


def test_local_distribution_of_a_foreign_invoice_is_converted() -> None:
    with running() as wire:
        supplier = a_supplier(wire.world, currency="EUR")
        item = ap_item(wire.world, Supplier=supplier, TransactionValue="100.00")
        item["LedgerDistribution"] = net_lines(wire)
        assert "TransactionValue" in post(wire, item, LedgerDistributionCurrency="L")
        item["LedgerDistribution"] = net_lines(wire, "108.50")
        assert post(wire, item, LedgerDistributionCurrency="L") == {}


def test_matching_a_receipt_clears_it_and_a_second_time_is_refused() -> None:
    with running() as wire:
        receipt = open_receipt(wire.world)
        value = receipt["CurGrnValue"]
        assert post(wire, matched_item(wire.world, receipt, grn_details(receipt), value)) == {}
        row = wire.world.tables["GrnDetails"].get(
            *(receipt[name] for name in wire.world.tables["GrnDetails"].schema.key)
        )
        assert row
        assert (row["GrnMatchedFlag"], row["MatchedValue"]) == ("Y", value)
        (line,) = wire.sandbox.ledger.invoices[0].entry.distributions
        assert (line.gl_code, line.value) == (GRN_CLEARING_GL, value)
        again = {**matched_item(wire.world, receipt, grn_details(receipt), value), "Invoice": "INV-2"}
        assert "already matched" in post(wire, again)["GrnGrn"]


def test_a_receipt_matched_at_another_value_posts_the_price_variance() -> None:
    with running() as wire:
        receipt = open_receipt(wire.world)
        value = receipt["CurGrnValue"] + 5
        details = grn_details(receipt, GrnMatchType="U", GrnMatchValue=str(value))
        assert post(wire, matched_item(wire.world, receipt, details, value)) == {}
        lines = {line.gl_code: line.value for line in wire.sandbox.ledger.invoices[0].entry.distributions}
        assert lines == {GRN_CLEARING_GL: receipt["CurGrnValue"], PRICE_VARIANCE_GL: Decimal(5)}


def test_a_part_of_a_receipt_leaves_the_rest_outstanding() -> None:
    with running() as wire:
        receipt = open_receipt(wire.world)
        part = Decimal("1.00")
        details = grn_details(
            receipt, GrnMatchType="P", GrnMatchValue=str(part), GrnPartialMatchQuantity="0.5"
        )
        assert post(wire, matched_item(wire.world, receipt, details, part)) == {}
        rest = receipt["CurGrnValue"] - part
        second = {**matched_item(wire.world, receipt, grn_details(receipt), rest), "Invoice": "INV-2"}
        assert post(wire, second) == {}


@pytest.mark.parametrize(
    ("changed", "element"),
    [
        ({"GrnGrn": "P99999999"}, "GrnGrn"),
        ({"GrnEntry": "999999"}, "GrnGrn"),
        ({"GrnFlag": "9"}, "GrnGrn"),
        ({"GrnJournal": "x"}, "GrnJournal"),
        ({"GrnSupplier": "000000000000001x"}, "GrnGrn"),
        ({"GrnMatchType": "U"}, "GrnMatchValue"),
        ({"GrnMatchType": "P"}, "GrnPartialMatchQuantity"),
        (
            {"GrnMatchType": "P", "GrnMatchValue": "99999999.00", "GrnPartialMatchQuantity": "1"},
            "GrnMatchValue",
        ),
        ({"GrnMatchType": "X"}, "GrnMatchType"),
    ],
)
def test_a_receipt_named_wrongly_is_refused(changed: dict[str, str], element: str) -> None:
    with running() as wire:
        receipt = open_receipt(wire.world)
        item = matched_item(wire.world, receipt, grn_details(receipt, **changed), receipt["CurGrnValue"])
        assert element in post(wire, item)


def test_a_supplier_under_grn_matching_needs_receipts() -> None:
    with running() as wire:
        receipt = open_receipt(wire.world, grn_match_required="Y")
        item = ap_item(wire.world, Supplier=str(receipt["Supplier"]))
        assert "GRN matching is required" in post(wire, item)["GrnDetails"]
        matched = matched_item(wire.world, receipt, grn_details(receipt), receipt["CurGrnValue"])
        assert post(wire, matched) == {}


def test_a_failing_gl_integration_leaves_the_ap_posting_in_place() -> None:
    with running() as wire:
        wire.control("POST", "gl-integration", fail=1)
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world)))
        journal = answer.find("StatusOfItems/GlJournal")
        assert journal is not None
        assert journal.findtext("GlJournal") == ""
        assert journal.findtext("GlJournalError")
        assert journal.findtext("GlJournalMessage")
        assert wire.rows("ApInvoice", filter="Invoice eq 'INV-1'")
        assert wire.rows("GenJournalDetail", filter="SubModInvoice eq 'INV-1'") == []
        assert post(wire, ap_item(wire.world, Invoice="INV-2")) == {}
        assert wire.sandbox.ledger.gl_lines


def test_a_site_that_integrates_by_batch_answers_without_a_gl_journal() -> None:
    with running(SysproOptions(gl_integration="batch")) as wire:
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world)))
        assert answer.find("StatusOfItems/GlJournal") is None
        assert answer.find("Item/Transaction/Key") is not None


def test_names_with_markup_come_back_byte_for_byte() -> None:
    with running() as wire:
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world, Invoice="A&B<1>\"'")))
        assert answer.findtext("Item/Transaction/Invoice") == "A&B<1>\"'"
