"""What an approved invoice becomes in SYSPRO: rows, receipts, tax, rounding, kind, texts."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.gl_mapping import MappingTable
from connector_defs.domain.invoices import Decisions, LedgerRow, Posting, ReceiptRow
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.planning import PlanningRules, Refusal, plan, rounding_of
from connector_tests.domain.builders import (
    RULES,
    SUPPLIER,
    books,
    invoice,
    ledger_code,
    matched,
    money,
    planned,
    receipt,
    row,
    rule,
    supplier,
    unmapped,
)

ROUNDING = PlanningRules(rounding_tolerance=Decimal("0.05"), rounding_account="90-9999")


def made_of(posting: Posting) -> Decimal:
    """What the document's parts add up to."""
    parts = [line.value for line in posting.rows] + [line.value for line in posting.receipts]
    return sum(parts, posting.tax_value or Decimal(0))


def test_a_coded_invoice_becomes_one_ledger_row_for_each_coding_row() -> None:
    posting = planned(invoice(row("r1", "70.00", note="Paper"), row("r2", "30.00", note="Pens")))
    assert posting.rows == (
        LedgerRow("40-4000", money("70.00"), "Paper"),
        LedgerRow("40-4000", money("30.00"), "Pens"),
    )
    assert (posting.supplier, posting.number, posting.kind) == (SUPPLIER, "INV-1001", "I")
    assert (posting.gross, posting.currency, posting.foreign) == (money("100.00"), "EUR", False)
    assert (posting.invoice_date, posting.due_date) == (date(2026, 1, 15), date(2026, 2, 14))
    assert posting.reference == posting_reference("M1", "8b1f7c1e")
    assert posting.receipts == ()
    assert posting.tax_value is None


def test_an_invoice_without_a_due_date_is_posted_without_one() -> None:
    assert planned(invoice(due_date=None)).due_date is None


def test_a_due_date_on_the_invoice_date_is_fine() -> None:
    same = date(2028, 2, 29)
    assert planned(invoice(invoice_date=same, due_date=same)).due_date == same


def test_a_row_with_a_gross_total_only_is_posted_net_of_its_tax() -> None:
    one = row(net=None, gross=money("121.00"), tax=money("21.00"), tax_code="A")
    posting = planned(invoice(one, gross="121.00"))
    assert posting.rows == (
        LedgerRow("40-4000", money("100.00"), "Paper"),
        LedgerRow("22-TAX", money("21.00"), "Tax", "A", tax_only=True),
    )


def test_a_row_of_zero_needs_no_account_and_is_not_posted() -> None:
    posting = planned(invoice(row(), row("r2", "0.00", account_code="")))
    assert len(posting.rows) == 1


class TestTax:
    """Tax goes to the tax code's AP account, or in the header where the code has none."""

    def test_tax_of_several_rows_becomes_one_tax_only_line_for_each_code(self) -> None:
        rows = (
            row("r1", "100.00", tax=money("21.00"), tax_code="A"),
            row("r2", "50.00", tax=money("10.50"), tax_code="A "),
            row("r3", "10.00", tax=money("0.60"), tax_code="B"),
        )
        posting = planned(invoice(*rows, gross="192.10"))
        assert [line for line in posting.rows if line.tax_only] == [
            LedgerRow("22-TAX", money("31.50"), "Tax", "A", tax_only=True),
            LedgerRow("22-TAX", money("0.60"), "Tax", "B", tax_only=True),
        ]
        assert posting.tax_value is None

    def test_a_row_without_a_code_takes_the_headers(self) -> None:
        posting = planned(invoice(row(tax=money("21.00")), gross="121.00", tax_code="A"))
        assert posting.rows[-1] == LedgerRow("22-TAX", money("21.00"), "Tax", "A", tax_only=True)

    def test_tax_told_in_the_header_only_is_taken_from_there(self) -> None:
        posting = planned(invoice(gross="121.00", tax=money("21.00"), tax_code="A"))
        assert posting.rows[-1] == LedgerRow("22-TAX", money("21.00"), "Tax", "A", tax_only=True)

    def test_tax_of_the_rows_goes_before_the_headers(self) -> None:
        one = row(tax=money("21.00"), tax_code="A")
        posting = planned(invoice(one, gross="121.00", tax=money("99.00"), tax_code="B"))
        assert made_of(posting) == money("121.00")

    def test_a_code_without_an_ap_account_is_told_in_the_document_header(self) -> None:
        posting = planned(invoice(row(tax=money("21.00"), tax_code="X"), gross="121.00"))
        assert (posting.tax_value, posting.tax_code) == (money("21.00"), "X")
        assert not any(line.tax_only for line in posting.rows)

    def test_tax_codes_that_cannot_be_read_are_left_to_syspro_to_check(self) -> None:
        posting = planned(
            invoice(row(net="100.00", tax=money("21.00"), tax_code="Q"), gross="121.00"),
            books(tax_accounts=None),
        )
        assert (posting.tax_value, posting.tax_code) == (money("21.00"), "Q")
        assert not any(line.tax_only for line in posting.rows)

    def test_tax_without_any_code_is_told_in_the_document_header(self) -> None:
        posting = planned(invoice(row(tax=money("21.00")), gross="121.00"))
        assert (posting.tax_value, posting.tax_code) == (money("21.00"), "")

    def test_tax_that_adds_up_to_nothing_is_not_posted(self) -> None:
        rows = (
            row("r1", "60.00", tax=money("5.00"), tax_code="X"),
            row("r2", "40.00", tax=money("-5.00"), tax_code="X"),
            row("r3", "100.00", tax=money("21.00"), tax_code="Y"),
        )
        posting = planned(invoice(*rows, gross="221.00"))
        assert (posting.tax_value, posting.tax_code) == (money("21.00"), "Y")

    def test_a_row_may_carry_tax_alone(self) -> None:
        rows = (row(), row("r2", "0.00", account_code="", tax=money("21.00"), tax_code="A"))
        posting = planned(invoice(*rows, gross="121.00"))
        assert posting.rows == (
            LedgerRow("40-4000", money("100.00"), "Paper"),
            LedgerRow("22-TAX", money("21.00"), "Tax", "A", tax_only=True),
        )


class TestReceipts:
    """Rows matched to a goods receipt become receipt lines (SYSPRO wire notes 2.1)."""

    @pytest.mark.parametrize(
        ("net", "quantity", "match", "told_quantity"),
        [
            pytest.param("100.00", "10", "O", None, id="the whole outstanding value"),
            pytest.param("100.00", "4", "O", None, id="the value decides before the quantity"),
            pytest.param("99.00", "10", "U", None, id="the whole quantity at another value"),
            pytest.param("40.00", "4", "P", "4", id="a part of the quantity"),
            pytest.param("100.00", None, "O", None, id="the whole value needs no quantity"),
            pytest.param("101.00", None, "U", None, id="more than the value leaves nothing open"),
            pytest.param("99.00", "12", "U", None, id="more than received"),
        ],
    )
    def test_the_match_type_follows_value_and_quantity(
        self, net: str, quantity: str | None, match: str, told_quantity: str | None
    ) -> None:
        one = matched(net=net, matched_quantity=None if quantity is None else Decimal(quantity))
        posting = planned(invoice(one, gross=net))
        assert posting.rows == ()
        assert posting.receipts == (
            ReceiptRow(
                SUPPLIER,
                "000777",
                "P",
                "12",
                "3",
                match,
                Decimal(net),
                None if told_quantity is None else Decimal(told_quantity),
            ),
        )

    def test_one_invoice_may_hold_receipts_and_coded_rows(self) -> None:
        posting = planned(invoice(matched(net="100.00"), row("r2", "12.50", note="Freight"), gross="112.50"))
        assert [line.value for line in posting.receipts] == [money("100.00")]
        assert posting.rows == (LedgerRow("40-4000", money("12.50"), "Freight"),)

    @pytest.mark.parametrize(
        ("order", "line"),
        [("000042", "1"), ("000042", "0001"), (" 000042 ", " 1"), ("", "1"), ("000042", ""), ("", "")],
    )
    def test_a_receipt_is_found_by_as_much_of_its_order_as_is_told(self, order: str, line: str) -> None:
        posting = planned(invoice(matched(order_number=order, order_line=line)))
        assert posting.receipts[0].receipt == "000777"

    def test_an_order_number_with_a_blank_in_it_is_one_where_syspro_knows_it(self) -> None:
        known = books(receipts=(receipt(order_number="PO 42"),))
        assert planned(invoice(matched(order_number="PO 42")), known).receipts[0].receipt == "000777"

    def test_the_order_line_tells_two_receipts_of_one_number_apart(self) -> None:
        known = books(receipts=(receipt(), receipt(order_line="0002", entry="4")))
        assert planned(invoice(matched(order_line="2")), known).receipts[0].entry == "4"

    def test_a_supplier_that_requires_receipts_is_content_with_one(self) -> None:
        known = books(suppliers={SUPPLIER: supplier(receipts_required=True)})
        assert len(planned(invoice(matched()), known).receipts) == 1


class TestCreditNotes:
    """A negative sum is a credit."""

    def test_a_credit_is_an_invoice_with_negative_values(self) -> None:
        posting = planned(invoice(row(net="-100.00"), gross="-100.00"))
        assert (posting.kind, posting.gross) == ("I", money("-100.00"))
        assert posting.rows[0].value == money("-100.00")


class TestRounding:
    """A difference within the tolerance goes to the rounding account (H9)."""

    @pytest.mark.parametrize("gross", ["100.05", "100.01", "99.99", "99.95"])
    def test_a_difference_within_the_tolerance_is_a_row_of_its_own(self, gross: str) -> None:
        posting = planned(invoice(gross=gross), rules=ROUNDING)
        assert posting.rows[-1] == LedgerRow("90-9999", Decimal(gross) - 100, "Rounding")
        assert made_of(posting) == posting.gross == Decimal(gross)

    def test_without_a_difference_there_is_no_such_row(self) -> None:
        assert [line.ledger_code for line in planned(invoice(), rules=ROUNDING).rows] == ["40-4000"]


class TestCurrencies:
    """Amounts have the decimals of their currency; the supplier's currency says whether it is foreign."""

    @pytest.mark.parametrize(
        ("currency", "amount"), [("JPY", "1200"), ("EUR", "12.34"), ("KWD", "1.230"), ("JPY", "1200.000")]
    )
    def test_a_currency_has_its_own_decimals(self, currency: str, amount: str) -> None:
        known = books(suppliers={SUPPLIER: supplier(currency=currency)})
        posting = planned(invoice(row(net=amount), gross=amount, currency=currency), known)
        assert posting.gross == Decimal(amount)
        assert posting.foreign == (currency != "EUR")

    def test_where_the_local_currency_is_not_known_every_posting_counts_as_foreign(self) -> None:
        assert planned(invoice(), books(local_currency=None)).foreign


class TestTexts:
    """What SYSPRO's character set and lengths do to texts."""

    def test_texts_are_transliterated_and_cut_to_30_characters(self) -> None:
        posting = planned(invoice(row(note="Zażółć gęślą jaźń i jeszcze dużo więcej"), description="Łódź"))
        assert posting.notation == "Basware Lódz"
        assert posting.rows[0].note == "Zazólc gesla jazn i jeszcze du"
        assert posting.remarks == ()

    def test_what_was_lost_is_told_in_a_remark(self) -> None:
        posting = planned(invoice(description="Paper 📄"))
        assert posting.notation == "Basware Paper"
        assert posting.remarks == ("characters lost in notation: '📄'",)

    def test_the_number_keeps_its_inner_form_and_loses_outer_blanks(self) -> None:
        assert planned(invoice(number=" a&b/<1>-Ü ")).number == "a&b/<1>-Ü"

    def test_a_number_of_20_characters_fits(self) -> None:
        assert planned(invoice(number="N" * 20)).number == "N" * 20


class TestMapping:
    """Unmapped accounts are told all at once, each pair once, and before anything about GL codes."""

    def test_every_pair_without_a_rule_is_told_once(self) -> None:
        rows = (
            row("r1", "10.00", account_code="5000"),
            row("r2", "20.00", account_code="5000"),
            row("r3", "30.00", account_code="5000", cost_center="CC1"),
            row("r4", "40.00"),
        )
        outcome = unmapped(invoice(*rows))
        assert [(gap.account_code, gap.cost_center) for gap in outcome.gaps] == [
            ("5000", ""),
            ("5000", "CC1"),
        ]
        assert outcome.refusal.code == "UNMAPPED_ACCOUNT"
        assert outcome.refusal.reason == "no GL mapping for account '5000', '5000' / cost centre 'CC1'"
        assert (
            outcome.refusal.remedy == "`connector mapping set 5000 GLCODE`; the invoice then posts by itself"
        )

    def test_a_rule_that_does_not_hold_on_the_invoices_date_is_no_rule_and_the_date_is_told(self) -> None:
        mapping = MappingTable([rule(valid_from=date(2026, 2, 1))])
        assert unmapped(invoice(), mapping).refusal.reason == "no GL mapping for account '4000' on 2026-01-15"
        held = planned(invoice(voucher_date=date(2026, 2, 1)), mapping=mapping)
        assert [line.ledger_code for line in held.rows] == ["40-4000"]

    def test_equally_specific_rules_with_different_codes_are_told_with_the_way_out(self) -> None:
        mapping = MappingTable(
            [
                rule(cost_center="CC 1"),
                rule(gl_code="90-9999", dimensions=(("dim1", "NORTH"),)),
            ]
        )
        tied = row(cost_center="CC 1", dimensions=(("dim1", "NORTH"), ("project", "P-7")))
        refusal = unmapped(invoice(tied), mapping).refusal
        assert refusal.code == "MAPPING_AMBIGUOUS"
        assert refusal.reason == (
            "equally specific GL mappings for account '4000' / cost centre 'CC 1' / dim1 'NORTH': "
            "account code 4000, cost centre CC 1 -> 40-4000; account code 4000, dim1 NORTH -> 90-9999"
        )
        assert refusal.remedy == (
            "`connector mapping set 4000 GLCODE --cost-center 'CC 1' --dimension dim1=NORTH` goes before both, "
            "or retire one of them (--retire); the invoice then posts by itself"
        )

    def test_where_a_row_has_no_rule_at_all_that_is_told_first_and_the_tie_with_it(self) -> None:
        mapping = MappingTable(
            [rule(cost_center="CC1"), rule(gl_code="90-9999", dimensions=(("dim1", "NORTH"),))]
        )
        rows = (
            row("r1", "60.00", cost_center="CC1", dimensions=(("dim1", "NORTH"),)),
            row("r2", "40.00", account_code="$(rm)"),
        )
        refusal = unmapped(invoice(*rows), mapping).refusal
        assert refusal.code == "UNMAPPED_ACCOUNT"
        assert "no GL mapping for account '$(rm)'; equally specific" in refusal.reason
        assert refusal.remedy.startswith("`connector mapping set '$(rm)' GLCODE`;")

    def test_the_rule_for_the_cost_centre_goes_first(self) -> None:
        mapping = MappingTable([rule(), rule(gl_code="90-9999", cost_center="CC1")])
        rows = (row("r1", "60.00"), row("r2", "40.00", cost_center="CC1"))
        posting = planned(invoice(*rows), mapping=mapping)
        assert [line.ledger_code for line in posting.rows] == ["40-4000", "90-9999"]

    def test_a_row_matched_to_a_receipt_needs_no_mapping(self) -> None:
        assert planned(invoice(matched(account_code="nobody knows"))).rows == ()


def test_a_ledger_code_of_unknown_type_may_be_posted_to() -> None:
    known = books(ledger_codes={"40-4000": ledger_code(account_type="")})
    assert planned(invoice(), known).rows[0].ledger_code == "40-4000"


class TestFingerprint:
    """Two documents have one fingerprint only where they would post the same."""

    def test_it_does_not_depend_on_texts_or_dates(self) -> None:
        other = invoice(row(note="other"), description="other", due_date=None)
        assert planned(invoice()).fingerprint == planned(other).fingerprint

    @pytest.mark.parametrize(
        "other",
        [
            invoice(number="INV-1002"),
            invoice(row(net="50.00"), row("r2", "50.00")),
            invoice(row(net="99.00"), gross="99.00"),
            invoice(row(net="79.00", tax=money("21.00"), tax_code="A")),
            invoice(row(net="79.00", tax=money("21.00"), tax_code="X")),
            invoice(matched()),
        ],
    )
    def test_it_changes_with_whatever_is_posted(self, other: object) -> None:
        assert planned(invoice()).fingerprint != planned(other).fingerprint  # type: ignore[arg-type]


amounts = st.integers(-99_999_999, 99_999_999)


@st.composite
def drawn_invoices(draw: st.DrawFn) -> tuple[object, ...]:
    """An invoice whose rows, tax and difference are drawn in minor units, and its gross sum."""
    digits = draw(st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3)]))
    step = Decimal(1).scaleb(-digits[1])
    rows, total = [], 0
    for number in range(draw(st.integers(1, 6))):
        net, tax = draw(amounts), draw(st.one_of(st.just(0), amounts))
        code = draw(st.sampled_from(["A", "B", "X", ""]))
        total += net + tax
        stated = (
            {"net": str(net * step)} if draw(st.booleans()) else {"net": None, "gross": (net + tax) * step}
        )
        receipt_number = draw(st.sampled_from(["", "", f"R{number}"]))
        matching = {"receipt_number": receipt_number, "matched_quantity": Decimal(draw(st.integers(1, 12)))}
        rows.append(row(f"r{number}", **stated, tax=tax * step, tax_code=code, **matching))
    difference = draw(st.integers(-5, 5))
    return digits[0], tuple(rows), (total + difference) * step, step


@given(drawn_invoices())
def test_whatever_is_posted_adds_up_to_the_gross_sum_exactly(drawn: tuple[object, ...]) -> None:
    currency, rows, gross, step = drawn
    known = books(
        suppliers={SUPPLIER: supplier(currency=currency)},
        receipts=tuple(
            receipt(one.receipt_number, order_number="")
            for one in rows
            if one.receipt_number  # type: ignore[attr-defined]
        ),
    )
    rules = PlanningRules(rounding_tolerance=3 * step, rounding_account="90-9999")  # type: ignore[operator]
    one = invoice(*rows, gross=str(gross), currency=currency)  # type: ignore[misc]
    outcome = plan(one, MappingTable([rule()]), known, rules)
    if isinstance(outcome, Posting):
        assert made_of(outcome) == outcome.gross == gross
        assert all(line.value for line in outcome.rows)
    else:
        assert outcome.code in {  # type: ignore[union-attr]
            "UNBALANCED",
            "ZERO_VALUE",
            "TAX_CODES_MIXED",
            "AMOUNT_DECIMALS",
            "RECEIPT_SIGN",
            "TAX_NOT_IN_ROWS",
        }


@pytest.mark.parametrize("gross", ["100.00", "100.01", "99.00", "1000000.00"])
def test_what_a_person_may_accept_is_the_whole_difference_however_large(gross: str) -> None:
    one = invoice(row(net=money("90.00"), tax=money("10.00"), tax_code="A"), gross=gross)
    assert rounding_of(one, RULES) == money(gross) - money("100.00")


def test_an_accepted_difference_is_the_one_that_planning_takes() -> None:
    one = invoice(row(net=money("100.00")), gross="103.37")
    difference = rounding_of(one, RULES)
    assert isinstance(difference, Decimal)
    taken = plan(one, MappingTable((rule(),)), books(), ROUNDING, Decisions(rounding=difference))
    assert isinstance(taken, Posting)
    assert made_of(taken) == money("103.37")


def test_an_invoice_without_a_gross_sum_has_no_difference() -> None:
    refused = rounding_of(invoice(gross=None), RULES)
    assert isinstance(refused, Refusal)
    assert refused.code == "AMOUNT_MISSING"


@pytest.mark.parametrize("named", ["", "  ", "SYSPRO", "Syspro ", "OLD ERP"])
def test_a_supplier_is_ours_where_basware_names_no_system_or_one_of_ours(named: str) -> None:
    ours = PlanningRules(supplier_sources=frozenset({"SYSPRO", "OLD ERP"}))
    assert planned(invoice(supplier_source=named), rules=ours).supplier == SUPPLIER
