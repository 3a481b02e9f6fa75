"""Approved invoices from Basware into SYSPRO's ledger and back, where both systems behave."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.flows.reports import InvoiceRunReport
from connector_defs.sandbox.world import WorldOptions
from connector_defs.sandbox.world.invoices import InvoiceKind
from connector_tests.flows.pair import (
    ACCOUNT,
    EURO_SUPPLIER,
    HELD_SUPPLIER,
    TODAY,
    Pair,
    assert_books_agree,
    invoice,
    open_pair,
    row,
)
from connector_tests.proof.judge import voucher_of

RECEIPTS_DEMANDED = "000000000000002"
NO_ISO_CURRENCY = "000000000000012"


def test_an_approved_invoice_is_posted_once_and_answered_with_its_voucher(pair: Pair) -> None:
    bill = invoice("INV-1")
    (bill_id,) = pair.approve(bill)
    report = pair.run()
    (posted,) = pair.postings(bill)
    assert pair.state(bill_id) == "responded"
    assert pair.in_basware(bill_id) == "Transferred"
    assert pair.sandbox.basware.documents[bill_id]["voucherNumber1"] == voucher_of(posted)
    assert (report.received, report.posted, report.responded, report.logons) == (1, 1, 1, 1)
    assert_books_agree(pair)


def test_a_second_run_asks_but_changes_nothing(pair: Pair) -> None:
    pair.approve(invoice("INV-1"), invoice("INV-2"))
    pair.run()
    before = dict(pair.sandbox.basware.requests), pair.sandbox.syspro.requests["Transaction/Post APSTIN"]
    report = pair.run()
    after = dict(pair.sandbox.basware.requests), pair.sandbox.syspro.requests["Transaction/Post APSTIN"]
    assert (report.received, report.posted, report.logons) == (0, 0, 0)
    assert {name for name in after[0] if after[0][name] != before[0].get(name, 0)} <= {
        "GET accountingDocuments",
        "GET link",
    }
    assert after[1] == before[1]


def test_the_whole_generated_company_ends_posted_or_waiting_for_its_reason(folder: Path) -> None:
    world = WorldOptions(
        suppliers=12, accounts=20, cost_centers=4, orders=8, lines=30, invoices=40, today=TODAY
    )
    with open_pair(folder, world) as pair:
        pair.sync()
        report = pair.run()
        kinds = pair.sandbox.world.invoice_kinds
        found = {invoice_id: pair.state(invoice_id) for invoice_id in kinds}
        expected = {
            InvoiceKind.UNMAPPED: "needs_mapping/UNMAPPED_ACCOUNT",
            InvoiceKind.UNBALANCED: "needs_review/UNBALANCED",
            InvoiceKind.UNKNOWN_SUPPLIER: "needs_review/SUPPLIER_UNKNOWN",
            InvoiceKind.SUPPLIER_ON_HOLD: "needs_review/SUPPLIER_ON_HOLD",
            InvoiceKind.LONG_NUMBER: "needs_review/NUMBER_TOO_LONG",
        }
        assert found == {invoice_id: expected.get(kind, "responded") for invoice_id, kind in kinds.items()}
        assert report.waiting == len(report.problems) == sum(kind in expected for kind in kinds.values())
        assert_books_agree(pair)


ODD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("UNBALANCED", {"grossSum": Decimal("109.25")}),
    ("UNBALANCED", {"grossSum": Decimal("108.26")}),
    ("SUPPLIER_UNKNOWN", {"supplierCode": "NOBODY"}),
    ("SUPPLIER_UNKNOWN", {"supplierCode": "1"}),
    ("SUPPLIER_ON_HOLD", {"supplierCode": HELD_SUPPLIER}),
    ("SUPPLIER_OTHER_SOURCE", {"supplierSourceSystemId": "OTHER"}),
    ("CURRENCY_MISMATCH", {"currencyCode": "EUR"}),
    ("CURRENCY_UNMAPPED", {"supplierCode": NO_ISO_CURRENCY}),
    ("NUMBER_MISSING", {"invoiceNumber": "  "}),
    ("NUMBER_TOO_LONG", {"invoiceNumber": "INV-2026-0000000000001"}),
    ("NUMBER_CHARACTERS", {"invoiceNumber": "Ω-1"}),
    ("DATE_MISSING", {"invoiceDate": None}),
    ("DATE_ORDER", {"dueDate": "2026-11-08T00:00:00"}),
    ("NO_CODING", {"codingRows": []}),
    ("NO_ACCOUNT", {"codingRows": [row(accountCode=None)]}),
    ("AMOUNT_MISSING", {"grossSum": None}),
    ("AMOUNT_MISSING", {"codingRows": [row(netTotal=None, grossTotal=None)]}),
    ("AMOUNT_INVALID", {"grossSum": Decimal("108.255")}),
    ("ZERO_VALUE", {"grossSum": Decimal(0)}),
    ("TAX_CODE_UNKNOWN", {"codingRows": [row(taxCode="Q")]}),
    ("RECEIPT_REQUIRED", {"supplierCode": RECEIPTS_DEMANDED}),
    ("RECEIPT_UNKNOWN", {"codingRows": [row(orderNumber="9", orderLineNumber="1", goodsReceiptNumber="7")]}),
    (
        "MATCH_AMBIGUOUS",
        {"codingRows": [row(orderNumber="1,2", orderLineNumber="1", goodsReceiptNumber="7")]},
    ),
)


@dataclass(frozen=True)
class Review:
    """A pair after a run over one sound invoice and all the odd ones."""

    pair: Pair
    sound: str
    odd: list[str]
    report: InvoiceRunReport


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    """One run over everything that cannot be posted, and one invoice that can."""
    with open_pair(tmp_path_factory.mktemp("review")) as pair:
        pair.map()
        (sound,) = pair.approve(invoice("GOOD-1"))
        odd = pair.approve(*({**invoice(f"ODD-{place}", **fields)} for place, (_, fields) in enumerate(ODD)))
        yield Review(pair, sound, odd, pair.run())


@pytest.mark.parametrize("place", range(len(ODD)), ids=[f"{code}-{n}" for n, (code, _) in enumerate(ODD)])
def test_what_cannot_be_posted_waits_for_a_person_and_stays_with_basware(review: Review, place: int) -> None:
    code, odd_id = ODD[place][0], review.odd[place]
    stored = review.pair.stored(odd_id)
    assert (stored.state, stored.code) == ("needs_review", code)
    assert stored.reason
    assert stored.remedy
    assert review.pair.in_basware(odd_id) == "WaitingForTransfer", (
        "the recovery window must not run meanwhile"
    )


def test_the_run_names_each_waiting_invoice_and_the_others_go_on(review: Review) -> None:
    assert sorted(problem.code for problem in review.report.problems) == sorted(code for code, _ in ODD)
    assert review.pair.state(review.sound) == "responded"
    assert_books_agree(review.pair)


@pytest.mark.covers("H13")
def test_a_supplier_code_that_nearly_fits_is_named_and_not_taken(review: Review) -> None:
    place = ODD.index(("SUPPLIER_UNKNOWN", {"supplierCode": "1"}))
    assert "000000000000001" in review.pair.stored(review.odd[place]).reason


@pytest.mark.covers("H15")
@pytest.mark.parametrize(
    ("gl_code", "code"),
    [
        ("00-0000", "GL_CODE_UNKNOWN"),
        ("00-2100", "GL_CODE_CONTROL"),
        ("00-9000", "GL_CODE_TYPE"),
        ("00-6020", "GL_CODE_ON_HOLD"),
        ("00-6030", "GL_CODE_ANALYSIS"),
    ],
)
def test_a_mapping_to_a_code_that_takes_no_postings_names_the_rule(
    pair: Pair, gl_code: str, code: str
) -> None:
    accounts = pair.sandbox.world.tables["GenMaster"]
    accounts.update(("M1", "00-6020"), {"AccOnHldFlag": "Y"})
    accounts.update(("M1", "00-6030"), {"AnalysisRequired": "Y"})
    pair.map(ACCOUNT, gl_code)
    (bill_id,) = pair.approve(invoice("INV-1"))
    pair.run()
    assert pair.state(bill_id) == f"needs_review/{code}"
    assert gl_code in pair.stored(bill_id).reason
    assert_books_agree(pair)


def test_an_unmapped_account_waits_and_posts_by_itself_once_mapped(pair: Pair) -> None:
    bill = invoice("INV-1", codingRows=[row(accountCode="6400-LEGACY", costCenterCode="105")])
    (bill_id,) = pair.approve(bill)
    pair.run()
    assert pair.state(bill_id) == "needs_mapping/UNMAPPED_ACCOUNT"
    assert pair.in_basware(bill_id) == "WaitingForTransfer"
    assert pair.map("6400-LEGACY", "00-6010") == 1
    pair.run()
    assert pair.state(bill_id) == "responded"
    assert {part.gl_code for part in pair.postings(bill)[0].entry.distributions} == {"00-6010", "00-2310"}
    assert_books_agree(pair)


def test_the_rule_for_the_cost_centre_wins_over_the_rule_for_any(pair: Pair) -> None:
    pair.map(ACCOUNT, "00-6010", cost_center="105")
    special, general = (
        invoice("INV-1", codingRows=[row(costCenterCode="105")]),
        invoice("INV-2", codingRows=[row(costCenterCode="101")]),
    )
    pair.approve(special, general)
    pair.run()
    assert pair.postings(special)[0].entry.distributions[0].gl_code == "00-6010"
    assert pair.postings(general)[0].entry.distributions[0].gl_code == ACCOUNT
    assert_books_agree(pair)


@pytest.mark.covers("H9")
def test_a_difference_within_the_tolerance_goes_to_the_rounding_account(folder: Path) -> None:
    with open_pair(folder, posting={"rounding_account": "00-7900"}) as pair:
        pair.map()
        bill, far_off = (
            invoice("INV-1", grossSum=Decimal("108.24")),
            invoice("INV-2", grossSum=Decimal("108.23")),
        )
        bill_id, far_off_id = pair.approve(bill, far_off)
        pair.run()
        (posted,) = pair.postings(bill)
        assert posted.entry.value == Decimal("108.24")
        assert ("00-7900", Decimal("-0.01")) in [
            (part.gl_code, part.value) for part in posted.entry.distributions
        ]
        assert (pair.state(bill_id), pair.state(far_off_id)) == ("responded", "needs_review/UNBALANCED")
        assert_books_agree(pair)


@pytest.mark.covers("H10")
def test_a_credit_note_lowers_what_is_owed(pair: Pair) -> None:
    before = pair.sandbox.world.tables["ApSupplier"].get("000000000000001")
    credit = invoice("CN-1", "-40.00", tax="-3.30")
    (credit_id,) = pair.approve(credit)
    pair.run()
    after = pair.sandbox.world.tables["ApSupplier"].get("000000000000001")
    assert before is not None
    assert after is not None
    assert after["CurrentBalance"] - before["CurrentBalance"] == Decimal("-43.30")  # type: ignore[operator]
    assert pair.state(credit_id) == "responded"
    assert_books_agree(pair)


def test_an_invoice_in_foreign_currency_is_posted_in_that_currency(pair: Pair) -> None:
    bill = invoice("EU-1", supplierCode=EURO_SUPPLIER, currencyCode="EUR")
    (bill_id,) = pair.approve(bill)
    pair.run()
    (posted,) = pair.postings(bill)
    assert (posted.entry.value, posted.entry.currency.strip()) == (Decimal("108.25"), "EUR")
    assert pair.state(bill_id) == "responded"
    assert_books_agree(pair)


@pytest.mark.covers("H1", "H3")
def test_hostile_text_reaches_the_ledger_without_harm(pair: Pair) -> None:
    text = "A&B <x> ]]> \"quoted\" 'single' Łódź 😀"
    bill = invoice("H&H<1>'\"", description=text, codingRows=[row(lastComment=text)])
    (bill_id,) = pair.approve(bill)
    pair.run()
    (posted,) = pair.postings(bill)
    assert pair.state(bill_id) == "responded"
    assert posted.entry.notation.startswith('Basware A&B <x> ]]> "quoted"')
    assert_books_agree(pair)


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ("DUP-1", "needs_review/DUPLICATE"),
        ("dup-1", "needs_review/DUPLICATE"),
        (" DUP-1 ", "needs_review/DUPLICATE"),
        ("DUP-2", "responded"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one run", "in the next run"])
def test_one_number_in_two_basware_invoices_is_posted_once(
    pair: Pair, second: str, outcome: str, together: bool
) -> None:
    first_id = pair.approve(invoice("DUP-1"))[0]
    if not together:
        pair.run()
    second_id = pair.approve(invoice(second, "50.00", tax="4.13"))[0]
    pair.run()
    assert sorted([pair.state(first_id), pair.state(second_id)]) == sorted(["responded", outcome])
    assert_books_agree(pair)


def test_an_invoice_keyed_by_hand_before_is_left_to_a_person(pair: Pair) -> None:
    bill = invoice("HAND-1")
    keyed = _key_by_hand(pair, bill)
    (bill_id,) = pair.approve(bill)
    pair.run()
    assert pair.state(bill_id) == "needs_review/DUPLICATE_IN_SYSPRO"
    assert keyed in pair.stored(bill_id).reason
    assert pair.postings(bill) == []
    assert pair.in_basware(bill_id) == "TransferInProgress"
    assert_books_agree(pair)


def _key_by_hand(pair: Pair, bill: dict[str, Any], **columns: Any) -> str:
    """Put an invoice into SYSPRO as a clerk would; returns its voucher."""
    pair.sandbox.world.tables["ApInvoice"].insert(
        {
            "Supplier": bill["supplierCode"],
            "Invoice": bill["invoiceNumber"],
            "InvoiceDate": TODAY,
            "JournalDate": TODAY,
            "Journal": 4711,
            "EntryNumber": 1,
            "InvoiceYear": 2026,
            "InvoiceMonth": 11,
            "Reference": "keyed by A. Clerk",
            "Currency": "$",
            "PostCurrency": "$",
            "OrigInvValue": bill["grossSum"],
            "CurrencyValue": bill["grossSum"],
            "MthInvBal1": bill["grossSum"],
            **columns,
        }
    )
    return "202611-04711-0001"
