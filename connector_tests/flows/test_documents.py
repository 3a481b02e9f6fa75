"""Documents of every kind through the real sandbox: what SYSPRO then holds is what Basware approved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.documents import MalformedDocument
from connector_defs.domain.invoices import Decisions, Posting
from connector_defs.domain.planning import Refusal
from connector_defs.flows.books import BookReader, planning_rules
from connector_defs.flows.credits import find_credits
from connector_defs.flows.documents import document_of
from connector_defs.flows.ledger import find_entries
from connector_defs.flows.periods import reopened
from connector_defs.sandbox.world.ledger_codes import FREIGHT_GL, GRN_CLEARING_GL, INPUT_TAX_GL
from connector_defs.sandbox.world.tables import Value
from connector_defs.settings import Settings
from connector_defs.syspro import tables
from connector_defs.syspro.conditions import eq
from connector_defs.syspro.documents import apstin, gentjl
from connector_defs.syspro.documents.outcome import Rejection
from connector_tests.flows.documents import (
    distribution,
    outcome_of,
    post,
    post_journal,
    posting_of,
    send,
)
from connector_tests.flows.pair import ACCOUNT, EURO_SUPPLIER, SUPPLIER, Pair, invoice, open_pair, row

OTHER = "00-6010"


@contextmanager
def site(folder: Path, **sections: Any) -> Iterator[Pair]:
    """A pair whose account is mapped; `sections` are its settings."""
    with open_pair(folder, **sections) as pair:
        pair.map()
        yield pair


def euros(number: str, net: str = "100.00", company: str = "108.50", **fields: Any) -> dict[str, Any]:
    """An invoice in EUR with company amounts in USD."""
    changes = {
        "supplierCode": EURO_SUPPLIER,
        "currencyCode": "EUR",
        "currencyCodeCompany": "USD",
        "grossSumCompany": Decimal(company),
        "exchangeRateCompany": Decimal("1.085"),
        "codingRows": [row(net, "0.00", netTotalCompany=Decimal(company), taxSumCompany=Decimal(0))],
        **fields,
    }
    return invoice(number, net, tax="0.00", **changes)


def open_receipts(pair: Pair, *, local: bool = True) -> list[dict[str, Value]]:
    """Receipts nothing was matched of, of suppliers one may post to, of an order line received once."""
    traders = {str(one["Supplier"]): one for one in pair.sandbox.syspro.ledger.tables["ApSupplier"]}
    receipts = list(pair.sandbox.syspro.ledger.tables["GrnDetails"])
    lines = [(one["PurchaseOrder"], one["PurchaseOrderLin"]) for one in receipts]
    return [
        one
        for one in receipts
        if one["GrnMatchedFlag"] != "Y"
        and one["MatchedValue"] == 0
        and traders[str(one["Supplier"])]["OnHold"] != "Y"
        and (str(one["PostCurrency"]).strip() == "$") is local
        and lines.count((one["PurchaseOrder"], one["PurchaseOrderLin"])) == 1
    ]


def matched_to(receipt: dict[str, Value], number: str, **fields: Any) -> dict[str, Any]:
    """An invoice of one row that takes the whole receipt; `fields` change the row."""
    net = str(receipt["CurGrnValue"])
    usual = {
        "orderNumber": receipt["PurchaseOrder"],
        "orderLineNumber": str(receipt["PurchaseOrderLin"]),
        "goodsReceiptNumber": receipt["Grn"],
        **fields,
    }
    return invoice(
        number, net, tax="0.00", supplierCode=receipt["Supplier"], codingRows=[row(net, "0.00", **usual)]
    )


def test_an_invoice_is_posted_row_by_row(folder: Path) -> None:
    with site(folder) as pair:
        posting, posted = post(pair, invoice("PLAIN"))
        assert distribution(posted) == [(ACCOUNT, "100.00", "expense"), (INPUT_TAX_GL, "8.25", "tax")]
        assert posted.entry.reference == posting.reference


def test_validate_only_posts_nothing(folder: Path) -> None:
    with site(folder) as pair:
        posting = posting_of(pair, invoice("PREVIEW"))
        send(pair, document_of(posting, validate_only=True))
        assert pair.sandbox.syspro.ledger.invoices == []


@pytest.mark.parametrize("stated", ["negative", "type"])
def test_h10_a_credit_note_is_posted_as_a_negative_invoice_whichever_way_it_is_stated(
    folder: Path, stated: str
) -> None:
    with site(folder, posting={"credit_note_types": ["CRN"]}) as pair:
        sign = "-" if stated == "negative" else ""
        fields = {"codingRows": [row(f"{sign}100.00", f"{sign}8.25")], "invoiceTypeCode": "CRN"}
        _, posted = post(pair, invoice("CN-1", f"{sign}100.00", tax=f"{sign}8.25", **fields))
        assert (posted.entry.transaction_code, posted.entry.value) == ("I", Decimal("-108.25"))


def test_h10_a_credit_note_of_type_c_lowers_the_invoice_it_names_once(folder: Path) -> None:
    with site(folder, posting={"credit_notes": "credit_type"}) as pair:
        post(pair, invoice("INV-1000"))
        fields = {"codingRows": [row("-50.00", "0.00")], "referenceNumber": "INV-1000"}
        posting, posted = post(pair, invoice("CN-1", "-50.00", tax="0.00", **fields))
        assert (posted.entry.transaction_code, posted.entry.invoice) == ("C", "INV-1000")
        held = pair.sandbox.syspro.ledger.tables["ApInvoice"].get(SUPPLIER, "INV-1000")
        assert held is not None
        assert (held["OrigInvValue"], held["MthInvBal1"]) == (Decimal("108.25"), Decimal("58.25"))

        odata = pair.connector.odata(pair.company)
        key, other = (SUPPLIER, "INV-1000"), (SUPPLIER, "INV-1001")
        found = find_credits(odata, [key, other])
        assert [(entry.journal, entry.value) for entry in found[key]] == [(posted.journal, posting.gross)]
        assert found[other] == ()


def test_h10_a_credit_note_whose_invoice_syspro_does_not_hold_waits_or_falls_back(folder: Path) -> None:
    fields = {"codingRows": [row("-50.00", "0.00")], "referenceNumber": "INV-0999"}
    document = invoice("CN-1", "-50.00", tax="0.00", **fields)
    with site(folder, posting={"credit_notes": "credit_type"}) as pair:
        outcome = outcome_of(pair, document)
        assert isinstance(outcome, Refusal)
        assert outcome.code == "CREDIT_ORIGINAL"
    falls_back = {"credit_notes": "credit_type", "credit_without_original": "negative_invoice"}
    with site(folder, posting=falls_back) as pair:
        _, posted = post(pair, document)
        assert (posted.entry.transaction_code, posted.entry.invoice) == ("I", "CN-1")


def test_h10_a_zero_value_invoice_is_posted_with_rows_that_cancel_out(folder: Path) -> None:
    with site(folder, posting={"zero_value": "post"}) as pair:
        rows = [row("75.00", "0.00", key="a"), row("-75.00", "0.00", key="b")]
        _, posted = post(pair, invoice("ZERO", "0.00", tax="0.00", codingRows=rows))
        assert [part[1] for part in distribution(posted)] == ["75.00", "-75.00"]


def test_h10_a_zero_value_invoice_is_answered_only_once_it_stands_in_syspro(folder: Path) -> None:
    with site(folder, posting={"zero_value": "post"}) as pair:
        rows = [row("75.00", "0.00", key="a"), row("-75.00", "0.00", key="b")]
        (bill_id,) = pair.approve(invoice("ZERO", "0.00", tax="0.00", codingRows=rows))
        pair.run()
        assert pair.state(bill_id) == "responded"


@pytest.mark.parametrize(
    ("setting", "company", "stated", "rate", "local"),
    [
        ("syspro", "110.00", "1.1", "1.085000", "108.50"),
        ("basware", "110.00", "1.1", "1.100000", "110.00"),
        ("basware", "110.00", "0.909091", "1.100000", "110.00"),
    ],
)
def test_a_foreign_invoice_is_entered_at_syspros_rate_or_at_baswares(
    folder: Path, setting: str, company: str, stated: str, rate: str, local: str
) -> None:
    with site(folder, posting={"exchange_rate": setting}) as pair:
        document = euros("EUR-1", company=company, exchangeRateCompany=Decimal(stated))
        posting, posted = post(pair, document)
        assert posting.foreign
        assert (posted.entry.rate, posted.entry.multiply_or_divide) == (Decimal(rate), "M")
        assert [str(part.local_value) for part in posted.entry.distributions] == [local]
        held = pair.sandbox.syspro.ledger.tables["ApInvoice"].get(EURO_SUPPLIER, "EUR-1")
        assert held is not None
        assert (held["CurrencyValue"], held["ExchangeRate"]) == (Decimal("100.00"), Decimal(rate))


def test_a_rate_that_contradicts_the_company_amounts_waits(folder: Path) -> None:
    with site(folder, posting={"exchange_rate": "basware"}) as pair:
        outcome = outcome_of(pair, euros("EUR-1", company="120.00"))
        assert isinstance(outcome, Refusal)
        assert outcome.code == "RATE_CONTRADICTS"


def test_a_fixed_rate_is_kept_and_must_agree(folder: Path) -> None:
    with site(folder, posting={"exchange_rate": "basware"}) as pair:
        pair.sandbox.syspro.ledger.tables["TblCurrency"].update(("EUR",), {"FixedRate": "Y"})
        _, posted = post(pair, euros("EUR-1"))
        assert posted.entry.rate == Decimal("1.085")
        outcome = outcome_of(pair, euros("EUR-2", company="110.00", exchangeRateCompany=Decimal("1.1")))
        assert isinstance(outcome, Refusal)
        assert outcome.code == "RATE_FIXED"


TWO_TAXES = [
    row("100.00", "20.00", key="a", taxCode="A"),
    row("10.00", "0.50", key="b", taxCode="REDUCED"),
    row("5.00", "0.00", key="c", taxCode="Z"),
]


@pytest.mark.parametrize("basis", ["E", "I"])
def test_several_tax_codes_come_to_the_same_in_either_basis(folder: Path, basis: str) -> None:
    settings = {"tax_basis": basis, "tax_codes": {"REDUCED": "B"}}
    with site(folder, posting=settings) as pair:
        _, posted = post(pair, invoice("TAXES", "115.00", tax="20.50", codingRows=TWO_TAXES))
        assert distribution(posted) == [
            (ACCOUNT, "100.00", "expense"),
            (ACCOUNT, "10.00", "expense"),
            (ACCOUNT, "5.00", "expense"),
            (INPUT_TAX_GL, "20.00", "tax"),
            (INPUT_TAX_GL, "0.50", "tax"),
        ]


@pytest.mark.parametrize(("variance", "posted"), [("0.02", True), ("0", False)])
def test_tax_that_is_not_what_syspro_computes_needs_a_variance(
    folder: Path, variance: str, posted: bool
) -> None:
    with site(folder, posting={"tax_basis": "I", "tax_variance": variance}) as pair:
        document = invoice("VAR", "100.00", tax="20.02", codingRows=[row("100.00", "20.02", taxCode="A")])
        reply = apstin.read(send(pair, document_of(posting_of(pair, document))))
        assert isinstance(reply, apstin.ApPosting) is posted
        if isinstance(reply, Rejection):
            assert "permissible variance" in str(reply)


def test_merged_rows_are_one_line_of_the_same_sum(folder: Path) -> None:
    with site(folder, posting={"merge_rows": True}) as pair:
        pair.map(OTHER, OTHER)
        rows = [row("60.00", "0.00", key="a"), row("40.00", "0.00", key="b")]
        rows.append(row("1.00", "0.00", key="c", accountCode=OTHER))
        _, posted = post(pair, invoice("MERGED", "101.00", tax="0.00", codingRows=rows))
        assert distribution(posted) == [(ACCOUNT, "100.00", "expense"), (OTHER, "1.00", "expense")]


@pytest.mark.parametrize("named", [True, False], ids=["receipt named", "order line named"])
def test_a_receipt_is_cleared_by_its_number_or_by_its_order_line(folder: Path, named: bool) -> None:
    with site(folder, posting={"order_matching": "receipts"}) as pair:
        receipt = open_receipts(pair)[0]
        fields = {} if named else {"goodsReceiptNumber": None}
        _, posted = post(pair, matched_to(receipt, "GRN-1", **fields))
        assert distribution(posted) == [(GRN_CLEARING_GL, str(receipt["CurGrnValue"]), "goods_receipt")]
        key = [receipt[name] for name in ("Supplier", "Grn", "GrnSource", "Journal", "JournalEntry")]
        held = pair.sandbox.syspro.ledger.tables["GrnDetails"].get(*key)
        assert held is not None
        assert held["GrnMatchedFlag"] == "Y"


def test_a_receipt_that_a_reading_shows_twice_is_one_receipt(folder: Path) -> None:
    with site(folder) as pair:
        receipt = open_receipts(pair)[0]
        pair.faults.arm("doubled_row", times=1000, site="syspro.odata")
        _, posted = post(pair, matched_to(receipt, "GRN-1"))
        assert distribution(posted) == [(GRN_CLEARING_GL, str(receipt["CurGrnValue"]), "goods_receipt")]


def test_an_order_row_without_a_receipt_waits_where_receipts_are_open(folder: Path) -> None:
    with site(folder) as pair:
        receipt = open_receipts(pair)[0]
        outcome = outcome_of(pair, matched_to(receipt, "GRN-1", goodsReceiptNumber=None))
        assert isinstance(outcome, Refusal)
        assert outcome.code == "RECEIPT_NOT_NAMED"


def test_freight_rows_are_a_charge_on_the_suppliers_freight_account(folder: Path) -> None:
    with site(folder, posting={"freight_charge_types": [3]}) as pair:
        rows = [
            row("100.00", "0.00", key="a"),
            row("12.50", "0.00", key="b", plannedAdditionalCostType=3, accountCode="unmapped"),
        ]
        posting, posted = post(pair, invoice("FREIGHT", "112.50", tax="0.00", codingRows=rows))
        assert posting.freight == Decimal("12.50")
        assert distribution(posted) == [(ACCOUNT, "100.00", "expense"), (FREIGHT_GL, "12.50", "freight")]


def test_a_freight_charge_needs_the_suppliers_account(folder: Path) -> None:
    with site(folder, posting={"freight_charge_types": [3]}) as pair:
        rows = [row("100.00", "0.00", plannedAdditionalCostType=3)]
        document = invoice("FREIGHT", tax="0.00", codingRows=rows)
        posting = posting_of(pair, document)
        pair.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), {"FreightGlCode": ""})
        assert "has no FreightGlCode" in str(apstin.read(send(pair, document_of(posting))))
        outcome = outcome_of(pair, document)
        assert isinstance(outcome, Refusal)
        assert outcome.code == "FREIGHT_ACCOUNT"


def test_a_long_number_is_posted_short_and_told_in_full(folder: Path) -> None:
    number = "2026/CONTRACT-4711/PART-0042 OF THE FRAMEWORK"
    with site(folder, posting={"long_numbers": "hash"}) as pair:
        posting, posted = post(pair, invoice(number))
        assert posting.number == posted.entry.invoice
        assert len(posted.entry.invoice) == 20
        assert posted.entry.notation + posted.entry.journal_notation == number
        odata = pair.connector.odata(pair.company)
        assert set(find_entries(odata, [(SUPPLIER, posting.number)])) == {(SUPPLIER, posting.number)}


@pytest.mark.parametrize("text", ["&<>\"' ]]>", "a & b <c> ]]> d", "'\"'"])
def test_h1_markup_in_texts_arrives_byte_for_byte(folder: Path, text: str) -> None:
    with site(folder) as pair:
        document = invoice("A&B<1>\"']]>", description=text, codingRows=[row(lastComment=text)])
        _, posted = post(pair, document)
        assert posted.entry.invoice == "A&B<1>\"']]>"
        assert posted.entry.notation == f"Basware {text}"
        assert posted.entry.distributions[0].notation == text


def test_h2_characters_no_ledger_holds_are_cleaned_on_the_way_and_remarked(folder: Path) -> None:
    with site(folder) as pair:
        document = invoice("H2", description="In\x00k", codingRows=[row(lastComment="Pa\x0bper\ufffe")])
        posting, posted = post(pair, document)
        assert (posted.entry.notation, posted.entry.distributions[0].notation) == ("Basware Ink", "Paper")
        assert len(posting.remarks) == 4


def test_h3_polish_greek_and_emoji_reach_a_windows_1252_company_as_letters(folder: Path) -> None:
    with site(folder) as pair:
        posting, posted = post(pair, invoice("H3", description="Łódź Αθήνα 👍"))
        assert posted.entry.notation == "Basware Lódz Athina"
        assert posting.remarks == ("characters lost in notation: '👍'",)


BY_DATE = {"period_rule": "invoice_date"}


class TestPeriods:
    """The period by date: worked out from SYSPRO's control for every batch, parked where it is not open."""

    @pytest.mark.parametrize(
        ("day", "letter", "period"), [("2026-11-09", "C", (2026, 11)), ("2026-10-31", "P", (2026, 10))]
    )
    def test_the_invoice_date_decides(
        self, folder: Path, day: str, letter: str, period: tuple[int, int]
    ) -> None:
        with site(folder, posting=BY_DATE) as pair:
            posting, posted = post(pair, invoice("DATED", invoiceDate=f"{day}T00:00:00"))
            assert (posting.period, posting.ledger_period) == (letter, period)
            assert (posted.year, posted.month) == period

    def test_a_zone_moves_no_business_date(self, folder: Path) -> None:
        with site(folder, posting=BY_DATE) as pair:
            _, posted = post(pair, invoice("H14", invoiceDate="2026-10-31T23:30:00-11:00"))
            assert (posted.entry.invoice_date, posted.month) == (date(2026, 10, 31), 10)

    def test_the_turn_of_the_month_is_seen_by_the_next_batch(self, folder: Path) -> None:
        with site(folder, posting=BY_DATE) as pair:
            reader = BookReader(pair.connector, pair.company)
            before = reader.periods()
            (control,) = list(pair.sandbox.syspro.ledger.tables["ApControl"])
            table = pair.sandbox.syspro.ledger.tables["ApControl"]
            table.update([control[name] for name in table.schema.key], {"FinPeriod": 12})
            after = reader.periods()
            assert before is not None
            assert after is not None
            assert (before.ap_current, after.ap_current) == ((2026, 11), (2026, 12))

    def test_f19_a_closed_period_parks_until_it_is_open_again(self, folder: Path) -> None:
        with site(folder, posting=BY_DATE) as pair:
            (bill_id,) = pair.approve(invoice("OLD", invoiceDate="2026-09-30T00:00:00"))
            pair.run()
            assert pair.state(bill_id) == "needs_review/PERIOD_CLOSED"
            assert "open: C (2026-11), P (2026-10)" in pair.stored(bill_id).reason
            assert pair.in_basware(bill_id) == "WaitingForTransfer"
            assert reopened(pair.connector, pair.company) == frozenset()
            pair.sandbox.syspro.periods.set_open((2026, 9), is_open=True)
            assert reopened(pair.connector, pair.company) == {bill_id}

    def test_what_cannot_be_read_any_more_stays_parked(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreadable(_: object) -> None:
            raise MalformedDocument("no object", invoice_id=None, text="")

        with site(folder, posting=BY_DATE) as pair:
            pair.approve(invoice("OLD", invoiceDate="2026-09-30T00:00:00"))
            pair.run()
            pair.sandbox.syspro.periods.set_open((2026, 9), is_open=True)
            monkeypatch.setattr("connector_defs.flows.periods.approved_invoice", unreadable)
            assert reopened(pair.connector, pair.company) == frozenset()

    def test_nothing_parked_asks_nothing(self, folder: Path) -> None:
        with site(folder) as pair:
            assert reopened(pair.connector, pair.company) == frozenset()

    def test_a_person_chooses_another_period(self, folder: Path) -> None:
        with site(folder, posting=BY_DATE) as pair:
            document = invoice("OLD", invoiceDate="2026-09-30T00:00:00")
            outcome = outcome_of(pair, document, Decisions(period="P"))
            assert isinstance(outcome, Posting)
            reply = apstin.read(send(pair, document_of(outcome)))
            assert isinstance(reply, apstin.ApPosting)
            assert reply.trn_month == 10

    @pytest.mark.parametrize("missing", ["ApControl", "GenControl"])
    def test_a_control_that_cannot_be_read_refuses_by_date(self, folder: Path, missing: str) -> None:
        with site(folder, posting=BY_DATE) as pair:
            del pair.sandbox.syspro.ledger.tables[missing]
            outcome = outcome_of(pair, invoice("BLIND"))
            assert isinstance(outcome, Refusal)
            assert outcome.code == "PERIOD_UNREADABLE"

    @pytest.mark.parametrize("missing", ["ApControl", "GenControl"])
    def test_a_fixed_period_needs_no_control(self, folder: Path, missing: str) -> None:
        with site(folder) as pair:
            del pair.sandbox.syspro.ledger.tables[missing]
            assert isinstance(outcome_of(pair, invoice("BLIND")), Posting)

    def test_the_control_of_the_ledgers_company_is_taken(self, folder: Path) -> None:
        with site(folder, posting=BY_DATE, company={"gl_company": "ZZ"}) as pair:
            assert BookReader(pair.connector, pair.company).periods() is None


JOURNAL = {"posting_mode": "journal", "journal_credit_account": "00-1100"}


class TestJournals:
    """Journal mode: document, reply, and what stands in GenJournalDetail."""

    def lines(self, pair: Pair, posting: Posting) -> list[tuple[str, str]]:
        """(GL code, value) as read by the reference, the way a look-up finds it."""
        where = eq("Reference", posting.reference)
        pages = pair.connector.odata(pair.company).pages(tables.GEN_JOURNAL_DETAIL, where=where)
        return [(str(one["GlCode"]), str(one["EntryValue"])) for page in pages for one in page]

    def test_a_journal_debits_rows_and_tax_and_credits_one_account(self, folder: Path) -> None:
        with site(folder, company=JOURNAL) as pair:
            posting = posting_of(pair, invoice("JNL-1"))
            reply = post_journal(pair, posting)
            assert isinstance(reply, gentjl.JournalPosting)
            assert reply.posted
            assert (reply.gl_year, reply.gl_period) == (2026, 11)
            assert self.lines(pair, posting) == [
                (ACCOUNT, "100.00"),
                (INPUT_TAX_GL, "8.25"),
                ("00-1100", "-108.25"),
            ]
            assert pair.sandbox.syspro.ledger.invoices == []

    def test_a_journal_by_date_goes_to_year_and_period_by_number(self, folder: Path) -> None:
        with site(folder, company=JOURNAL, posting={"period_rule": "invoice_date"}) as pair:
            posting = posting_of(pair, invoice("JNL-2", invoiceDate="2026-10-05T00:00:00"))
            document = document_of(posting)
            assert "<PostingPeriod>10</PostingPeriod><PostingYear>2026</PostingYear>" in document.xml_in
            reply = post_journal(pair, posting)
            assert isinstance(reply, gentjl.JournalPosting)
            assert (reply.gl_year, reply.gl_period) == (2026, 10)

    def test_a_credit_note_turns_the_journal(self, folder: Path) -> None:
        with site(folder, company=JOURNAL) as pair:
            fields = {"codingRows": [row("-100.00", "-8.25")]}
            posting = posting_of(pair, invoice("JNL-3", "-100.00", tax="-8.25", **fields))
            assert isinstance(post_journal(pair, posting), gentjl.JournalPosting)
            assert self.lines(pair, posting)[-1] == ("00-1100", "108.25")

    def test_of_a_foreign_invoice_the_company_amounts_are_posted(self, folder: Path) -> None:
        with site(folder, company=JOURNAL) as pair:
            posting = posting_of(pair, euros("JNL-4"))
            assert isinstance(post_journal(pair, posting), gentjl.JournalPosting)
            assert self.lines(pair, posting) == [(ACCOUNT, "108.50"), ("00-1100", "-108.50")]

    def test_zero_is_posted_without_a_credit(self, folder: Path) -> None:
        with site(folder, company=JOURNAL, posting={"zero_value": "post"}) as pair:
            rows = [row("75.00", "0.00", key="a"), row("-75.00", "0.00", key="b")]
            posting = posting_of(pair, invoice("JNL-5", "0.00", tax="0.00", codingRows=rows))
            assert isinstance(post_journal(pair, posting), gentjl.JournalPosting)
            assert [value for _, value in self.lines(pair, posting)] == ["75.00", "-75.00"]

    def test_a_preview_posts_nothing(self, folder: Path) -> None:
        with site(folder, company=JOURNAL) as pair:
            posting = posting_of(pair, invoice("JNL-6"))
            send(pair, document_of(posting, validate_only=True))
            assert pair.sandbox.syspro.ledger.journals == []

    def test_a_closed_period_is_told_by_syspro(self, folder: Path) -> None:
        with site(folder, company=JOURNAL) as pair:
            posting = posting_of(pair, invoice("JNL-7"))
            pair.sandbox.syspro.periods.set_open((2026, 11), is_open=False)
            reply = post_journal(pair, posting)
            assert isinstance(reply, Rejection)
            assert reply.errors[0].element == "PostingPeriod"

    def test_journal_mode_without_an_account_is_no_setting(self, folder: Path) -> None:
        with site(folder) as pair:
            tree = pair.connector.settings.model_dump()
            tree["companies"][0]["posting_mode"] = "journal"
            with pytest.raises(ValueError, match="needs journal_credit_account"):
                Settings.model_validate(tree)


def test_h15_a_gl_code_only_another_company_has_is_named_with_its_company(folder: Path) -> None:
    with site(folder) as pair:
        accounts = pair.sandbox.syspro.ledger.tables["GenMaster"]
        (held,) = [one for one in accounts if one["GlCode"] == OTHER]
        accounts.delete(("M1", OTHER))
        accounts.insert({**held, "Company": "M2"})
        pair.map(OTHER, OTHER)
        rows = [row("50.00", "0.00", key="a"), row("50.00", "0.00", key="b", accountCode=OTHER)]
        outcome = outcome_of(pair, invoice("H15", tax="0.00", codingRows=rows))
        assert isinstance(outcome, Refusal)
        assert (outcome.code, "'M2'" in outcome.reason) == ("GL_CODE_COMPANY", True)


def test_every_choice_of_the_settings_reaches_planning(folder: Path) -> None:
    chosen = {
        "period_rule": "voucher_date",
        "closed_status": "X",
        "credit_notes": "credit_type",
        "credit_note_types": ["CRN"],
        "credit_original": "contractNumber",
        "credit_without_original": "negative_invoice",
        "credit_type_sign": "negative",
        "zero_value": "post",
        "exchange_rate": "basware",
        "tax_basis": "I",
        "tax_variance": "0.05",
        "tax_codes": {"V": "A"},
        "reverse_charge": "tax_code",
        "merge_rows": True,
        "order_matching": "ledger",
        "freight_charge_types": [1],
        "long_numbers": "hash",
        "ignore_analysis": True,
    }
    with site(folder, posting=chosen, company=JOURNAL) as pair:
        rules = vars(planning_rules(pair.connector.settings, pair.company))
        as_settings = {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in rules.items()
        }
        expected = {**chosen, "tax_variance": Decimal("0.05")}
        assert {name: as_settings[name] for name in chosen} == expected
        assert (rules["mode"], rules["journal_credit_account"]) == ("journal", "00-1100")
