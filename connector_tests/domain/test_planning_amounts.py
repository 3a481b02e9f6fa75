"""Signs, zero, freight, merged rows, tax inclusive, and that whatever is posted adds up to the gross sum."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.books import Books
from connector_defs.domain.gl_mapping import MappingTable
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow, Decisions, LedgerRow, Posting
from connector_defs.domain.planning import PlanningRules, Refusal, needs_mapping, plan
from connector_tests.domain.builders import (
    MAPPING,
    SUPPLIER,
    books,
    invoice,
    matched,
    money,
    periods,
    planned,
    receipt,
    refused,
    row,
    rule,
    supplier,
)

TYPED = PlanningRules(credit_note_types=frozenset({"CRN"}))
AGAINST_ORIGINAL = PlanningRules(credit_notes="credit_type", credit_note_types=frozenset({"CRN"}))
KNOWN = books(ap_invoices=frozenset({(SUPPLIER, "INV-1000")}))


def made_of(posting: Posting) -> Decimal:
    """What the document's parts add up to; contained tax is in the rows already."""
    parts = [line.value for line in posting.rows] + [line.value for line in posting.receipts]
    apart = Decimal(0) if posting.tax_contained else posting.tax_value or Decimal(0)
    return sum(parts, apart) + posting.freight


class TestCreditNotes:
    """A credit note comes out negative once, however Basware states it."""

    def test_h10_credit_note_as_negative_invoice_and_as_credit_type_give_one_correct_sign(self) -> None:
        negative = invoice(row(net="-100.00", tax=money("-21.00"), tax_code="A"), gross="-121.00")
        positive = invoice(row(net="100.00", tax=money("21.00"), tax_code="A"), gross="121.00")
        postings = [
            planned(one, rules=TYPED)
            for one in (
                negative,
                replace(negative, type_code="CRN"),
                replace(positive, type_code=" CRN "),
            )
        ]
        assert [posting.gross for posting in postings] == [money("-121.00")] * 3
        assert len({posting.fingerprint for posting in postings}) == 1
        assert {posting.kind for posting in postings} == {"I"}
        assert all(made_of(posting) == posting.gross for posting in postings)

    def test_a_positive_invoice_of_another_type_stays_positive(self) -> None:
        assert planned(invoice(type_code="INV"), rules=TYPED).gross == money("100.00")

    def test_h10_a_credit_type_whose_rows_and_sum_differ_in_sign_is_not_guessed(self) -> None:
        mixed = invoice(row(net="100.00"), gross="-100.00", type_code="CRN")
        assert refused(mixed, rules=TYPED).code == "UNBALANCED"

    @pytest.mark.parametrize("gross", ["NaN", None])
    def test_h10_a_credit_type_without_a_sum_is_refused_like_any_other(self, gross: str | None) -> None:
        assert refused(invoice(gross=gross, type_code="CRN"), rules=TYPED).code in (
            "AMOUNT_INVALID",
            "AMOUNT_MISSING",
        )

    def test_an_accepted_difference_turns_with_the_sums(self) -> None:
        one = invoice(row(net="100.00"), gross="103.00", type_code="CRN")
        rules = replace(TYPED, rounding_account="90-9999")
        posting = planned(one, rules=rules, decisions=Decisions(rounding=money("3.00")))
        assert posting.rows[-1] == LedgerRow("90-9999", money("-3.00"), "Rounding")
        assert made_of(posting) == posting.gross == money("-103.00")

    @pytest.mark.parametrize(("stated", "sign"), [("positive", -1), ("negative", 1)])
    def test_type_c_is_posted_against_the_invoice_it_names(self, stated: str, sign: int) -> None:
        one = invoice(row(net="-100.00"), gross="-100.00", number="CN-1", reference_number=" INV-1000 ")
        rules = replace(AGAINST_ORIGINAL, credit_type_sign=stated)  # type: ignore[arg-type]
        posting = planned(one, KNOWN, rules)
        assert (posting.kind, posting.number, posting.own_number) == ("C", "INV-1000", "CN-1")
        assert (posting.gross, posting.sign) == (money("-100.00"), sign)
        assert posting.number_key == "credit:cn-1"

    @pytest.mark.parametrize("reference", ["", "INV-0999", "INV-1000x"])
    def test_without_its_invoice_in_syspro_it_may_fall_back_to_a_negative_invoice(
        self, reference: str
    ) -> None:
        one = invoice(row(net="-100.00"), gross="-100.00", number="CN-1", reference_number=reference)
        rules = replace(AGAINST_ORIGINAL, credit_without_original="negative_invoice")
        posting = planned(one, KNOWN, rules)
        assert (posting.kind, posting.number, posting.sign) == ("I", "CN-1", 1)

    @pytest.mark.parametrize(
        ("source", "fields"),
        [
            ("contractNumber", {"contract_number": "INV-1000"}),
            ("description", {"description": "INV-1000"}),
            ("referenceNumber", {"reference_number": "INV-1000"}),
        ],
    )
    def test_the_field_that_names_the_invoice_is_a_setting(self, source: str, fields: dict[str, str]) -> None:
        one = replace(invoice(row(net="-100.00"), gross="-100.00"), **fields)  # type: ignore[arg-type]
        rules = replace(AGAINST_ORIGINAL, credit_original=source)  # type: ignore[arg-type]
        assert planned(one, KNOWN, rules).kind == "C"

    def test_an_invoice_is_never_a_credit_note_because_it_names_another(self) -> None:
        assert planned(invoice(reference_number="INV-1000"), KNOWN, AGAINST_ORIGINAL).kind == "I"

    def test_a_credit_note_that_names_itself_is_not_posted_against_itself(self) -> None:
        one = invoice(row(net="-100.00"), gross="-100.00", number="INV-1000", reference_number="INV-1000")
        assert refused(one, KNOWN, AGAINST_ORIGINAL).code == "CREDIT_ORIGINAL"


class TestZero:
    """Zero by policy: nothing is ever answered without a posting."""

    CANCELLING = invoice(row("r1", "50.00"), row("r2", "-50.00"), gross="0.00")

    def test_h10_zero_value_goes_to_review(self) -> None:
        assert refused(self.CANCELLING).code == "ZERO_VALUE"

    def test_h10_zero_value_is_posted_by_setting_with_its_rows(self) -> None:
        posting = planned(self.CANCELLING, rules=PlanningRules(zero_value="post"))
        assert posting.gross == 0
        assert [line.value for line in posting.rows] == [money("50.00"), money("-50.00")]

    def test_h10_zero_value_without_any_row_has_nothing_to_post(self) -> None:
        nothing = invoice(row(net="0"), gross="0")
        assert refused(nothing, rules=PlanningRules(zero_value="post")).code == "ZERO_VALUE"


class TestMergedRows:
    """Rows of one GL code as one, by setting; the sum stays."""

    ROWS = (
        row("r1", "10.00", note="Paper"),
        row("r2", "20.00", note="Paper"),
        row("r3", "30.00", account_code="5000", note="Ink"),
        row("r4", "40.00", account_code="5000", note="Toner"),
    )
    MAPPED = MappingTable([rule(), rule("5000", "90-9999")])

    def test_rows_are_kept_by_default(self) -> None:
        assert len(planned(invoice(*self.ROWS), mapping=self.MAPPED).rows) == 4

    def test_rows_of_one_gl_code_become_one_and_keep_a_note_they_share(self) -> None:
        posting = planned(invoice(*self.ROWS), rules=PlanningRules(merge_rows=True), mapping=self.MAPPED)
        assert posting.rows == (
            LedgerRow("40-4000", money("30.00"), "Paper"),
            LedgerRow("90-9999", money("70.00"), "2 rows"),
        )

    def test_tax_is_not_merged_with_costs_of_the_same_account(self) -> None:
        taxed = (row("r1", "100.00", tax=money("21.00"), tax_code="A"),)
        mapping = MappingTable([rule(gl_code="22-TAX")])
        posting = planned(
            invoice(*taxed, gross="121.00"), rules=PlanningRules(merge_rows=True), mapping=mapping
        )
        assert [line.tax_only for line in posting.rows] == [False, True]

    def test_rows_that_cancel_out_leave_none(self) -> None:
        rows = (row("r1", "10.00"), row("r2", "-10.00"), row("r3", "5.00", account_code="5000"))
        posting = planned(
            invoice(*rows, gross="5.00"), rules=PlanningRules(merge_rows=True), mapping=self.MAPPED
        )
        assert [line.ledger_code for line in posting.rows] == ["90-9999"]


class TestFreight:
    """Freight-like rows are ledger rows, or the document's freight charge where their type is named."""

    RULES = PlanningRules(freight_charge_types=frozenset({1, 2}))
    KNOWN = books(suppliers={SUPPLIER: supplier(freight_account="51-FREIGHT")})
    INVOICE = invoice(
        row("r1", "100.00"),
        row("r2", "7.50", cost_type=1, account_code="nobody mapped it"),
        row("r3", "2.50", cost_type=2, account_code=""),
        gross="110.00",
    )

    def test_rows_of_the_named_types_make_the_freight_charge_and_need_no_mapping(self) -> None:
        posting = planned(self.INVOICE, self.KNOWN, self.RULES)
        assert posting.freight == money("10.00")
        assert [line.value for line in posting.rows] == [money("100.00")]
        assert made_of(posting) == posting.gross
        assert [needs_mapping(one, self.RULES) for one in self.INVOICE.rows] == [True, False, False]

    def test_rows_of_other_types_go_to_the_ledger(self) -> None:
        posting = planned(invoice(row(cost_type=3)), self.KNOWN, self.RULES)
        assert (posting.freight, len(posting.rows)) == (0, 1)

    def test_in_a_journal_freight_is_a_row_like_any_other(self) -> None:
        rules = replace(self.RULES, mode="journal", journal_credit_account="22-CLEAR")
        posting = planned(invoice(row(cost_type=1)), replace(self.KNOWN, periods=periods()), rules)
        assert (posting.freight, len(posting.rows)) == (0, 1)


class TestTaxInclusive:
    """Tax basis I: every row contains its tax and names its code."""

    RULES = PlanningRules(tax_basis="I", tax_variance=Decimal("0.05"), tax_codes={"VAT6": "B"})
    ROWS = (
        row("r1", "100.00", tax=money("21.00"), tax_code="A"),
        row("r2", "10.00", tax=money("0.60"), tax_code="VAT6"),
        row("r3", "5.00", tax_code="X"),
    )

    def test_rows_contain_their_tax_under_their_own_code(self) -> None:
        posting = planned(invoice(*self.ROWS, gross="136.60"), rules=self.RULES)
        assert [(line.value, line.tax_code, line.tax_only) for line in posting.rows] == [
            (money("121.00"), "A", False),
            (money("10.60"), "B", False),
            (money("5.00"), "X", False),
        ]
        assert (posting.tax_basis, posting.tax_value, posting.tax_code) == ("I", money("21.60"), "")
        assert posting.tax_variance == Decimal("0.05")
        assert made_of(posting) == posting.gross

    def test_tax_told_in_the_header_belongs_to_the_only_row(self) -> None:
        posting = planned(invoice(gross="121.00", tax=money("21.00"), tax_code="A"), rules=self.RULES)
        assert [(line.value, line.tax_code) for line in posting.rows] == [(money("121.00"), "A")]

    def test_a_row_that_is_all_tax_is_posted(self) -> None:
        rows = (row("r1"), row("r2", "0.00", tax=money("21.00"), tax_code="A"))
        posting = planned(invoice(*rows, gross="121.00"), rules=self.RULES)
        assert made_of(posting) == posting.gross == money("121.00")

    @pytest.mark.parametrize(
        "one",
        [
            invoice(gross="100.00"),
            invoice(matched(tax=money("21.00"), tax_code="A"), gross="121.00"),
            invoice(
                row("r1", "0.00", account_code="", tax=money("21.00"), tax_code="A"),
                row("r2", "100.00"),
                gross="121.00",
            ),
        ],
        ids=["no tax", "on a receipt", "tax without an account"],
    )
    def test_what_cannot_be_inclusive_stays_exclusive(self, one: ApprovedInvoice) -> None:
        posting = planned(one, rules=self.RULES)
        assert posting.tax_basis == "E"
        assert made_of(posting) == posting.gross


class TestTaxCodes:
    """The map of tax codes, and tax that is no part of what is paid."""

    def test_basware_codes_are_mapped_and_others_stand_for_themselves(self) -> None:
        rows = (
            row("r1", "100.00", tax=money("21.00"), tax_code="VAT21"),
            row("r2", "100.00", tax=money("6.00"), tax_code="B"),
        )
        posting = planned(invoice(*rows, gross="227.00"), rules=PlanningRules(tax_codes={"VAT21": "A"}))
        assert [line.tax_code for line in posting.rows if line.tax_only] == ["A", "B"]

    def test_reverse_charge_by_setting_leaves_the_amount_to_the_tax_code(self) -> None:
        rules = PlanningRules(reverse_charge="tax_code")
        posting = planned(invoice(row(tax2=money("21.00"), tax_code="A")), rules=rules)
        assert posting.rows == (LedgerRow("40-4000", money("100.00"), "Paper", "A"),)
        assert made_of(posting) == money("100.00")

    def test_a_zero_of_such_tax_is_none(self) -> None:
        assert planned(invoice(row(tax2=money("0.00")), tax2=money("0.00"))).gross == money("100.00")


class TestOrderMatching:
    """Rows matched to an order line that name no receipt."""

    FIND = PlanningRules(order_matching="receipts")

    @staticmethod
    def ordered(net: str = "100.00", **changes: object) -> CodingRow:
        return row("r1", net, **{"order_number": "000042", "order_line": "1", **changes})

    def test_the_only_open_receipt_of_the_line_is_taken(self) -> None:
        posting = planned(invoice(self.ordered()), rules=self.FIND)
        assert [(line.receipt, line.match) for line in posting.receipts] == [("000777", "O")]
        assert posting.rows == ()

    def test_the_one_with_exactly_this_value_is_taken(self) -> None:
        known = books(receipts=(receipt("A", "60.00"), receipt("B", "40.00", entry="4")))
        posting = planned(invoice(self.ordered("40.00"), gross="40.00"), known, self.FIND)
        assert [line.receipt for line in posting.receipts] == ["B"]

    def test_all_of_them_are_taken_where_they_make_up_the_row(self) -> None:
        known = books(receipts=(receipt("A", "60.00"), receipt("B", "40.00", entry="4")))
        posting = planned(invoice(self.ordered()), known, self.FIND)
        assert [(line.receipt, line.value) for line in posting.receipts] == [
            ("A", money("60.00")),
            ("B", money("40.00")),
        ]
        assert made_of(posting) == money("100.00")

    def test_two_of_the_same_value_are_not_guessed_between(self) -> None:
        known = books(receipts=(receipt("A", "60.00"), receipt("B", "60.00", entry="4")))
        one = invoice(self.ordered("60.00"), gross="60.00")
        assert refused(one, known, self.FIND).code == "RECEIPT_NOT_NAMED"

    @pytest.mark.parametrize("matching", ["review", "receipts"])
    @pytest.mark.parametrize(
        "known",
        [
            books(receipts=()),
            books(receipts=(receipt(fully_matched=True),)),
            books(receipts=(receipt(outstanding="0.00"),)),
            books(receipts=(receipt(outstanding="-100.00"),)),
            books(receipts=(receipt(order_line="2"),)),
        ],
        ids=["none", "matched", "nothing left", "a return", "another line"],
    )
    def test_where_syspro_waits_for_no_invoice_the_row_goes_to_its_account(
        self, matching: str, known: Books
    ) -> None:
        rules = PlanningRules(order_matching=matching)  # type: ignore[arg-type]
        assert [line.ledger_code for line in planned(invoice(self.ordered()), known, rules).rows] == [
            "40-4000"
        ]

    def test_ledger_posts_it_to_its_account_though_receipts_are_open(self) -> None:
        posting = planned(invoice(self.ordered()), rules=PlanningRules(order_matching="ledger"))
        assert posting.receipts == ()

    def test_a_return_is_taken_by_a_credit_note_in_part_with_the_sign_of_the_return(self) -> None:
        known = books(receipts=(receipt(outstanding="-100.00", quantity=Decimal(-10)),))
        one = invoice(self.ordered("-40.00", matched_quantity=Decimal(4)), gross="-40.00")
        (line,) = planned(one, known, self.FIND).receipts
        assert (line.match, line.value, line.quantity) == ("P", money("-40.00"), Decimal(-4))


class TestH8AmountsAndH9Differences:
    """Strict amounts, and what is off by a little or by a lot."""

    @pytest.mark.parametrize("gross", ["100.001", "1E400", "-1E400", "NaN", "Infinity", "1" * 40])
    def test_h8_an_amount_the_ledger_cannot_hold_exactly_is_refused(self, gross: str) -> None:
        assert refused(invoice(gross=gross)).code == "AMOUNT_INVALID"

    @pytest.mark.parametrize("gross", ["1E2", "100", "100.0000", "+100"])
    def test_h8_other_forms_of_the_same_number_are_that_number(self, gross: str) -> None:
        assert planned(invoice(gross=gross)).gross == money("100.00")

    def test_h8_minus_zero_is_zero(self) -> None:
        posting = planned(invoice(row(), row("r2", "-0.00")))
        assert [str(line.value) for line in posting.rows] == ["100.00"]

    def test_h8_four_decimals_in_yen_are_refused(self) -> None:
        known = books(suppliers={SUPPLIER: supplier(currency="JPY")})
        one = invoice(row(net="1200.0001"), gross="1200.0001", currency="JPY")
        assert refused(one, known).code == "AMOUNT_INVALID"

    def test_h9_a_cent_goes_to_the_rounding_account(self) -> None:
        posting = planned(invoice(gross="100.01"), rules=PlanningRules(rounding_account="90-9999"))
        assert posting.rows[-1] == LedgerRow("90-9999", money("0.01"), "Rounding")

    def test_h9_a_whole_unit_goes_to_review(self) -> None:
        rules = PlanningRules(rounding_account="90-9999")
        assert refused(invoice(gross="101.00"), rules=rules).code == "UNBALANCED"


cents = st.integers(-9_999_999, 9_999_999)


@st.composite
def drawn_rows(draw: st.DrawFn) -> tuple[tuple[CodingRow, ...], int]:
    """Coding rows of every kind, in cents, and their total."""
    rows, whole = [], 0
    for number in range(draw(st.integers(1, 6))):
        net, tax = draw(cents), draw(st.one_of(st.just(0), cents))
        whole += net + tax
        kind = draw(st.sampled_from(["coded", "coded", "receipt", "order", "freight"]))
        rows.append(
            row(
                f"r{number}",
                str(Decimal(net).scaleb(-2)),
                tax=Decimal(tax).scaleb(-2),
                tax_code=draw(st.sampled_from(["A", "B", "X", "", "VAT"])),
                account_code=draw(st.sampled_from(["4000", "5000"])),
                receipt_number=f"R{number}" if kind == "receipt" else "",
                order_number=f"O{number}" if kind in ("receipt", "order") else "",
                cost_type=1 if kind == "freight" else None,
                matched_quantity=Decimal(draw(st.integers(1, 12))),
                net_company=Decimal(net).scaleb(-2),
                tax_company=Decimal(tax).scaleb(-2),
            )
        )
    return tuple(rows), whole


RULES = st.builds(
    PlanningRules,
    rounding_tolerance=st.just(Decimal("0.05")),
    rounding_account=st.sampled_from(["90-9999", None]),
    credit_notes=st.sampled_from(["negative_invoice", "credit_type"]),
    credit_note_types=st.just(frozenset({"CRN"})),
    credit_without_original=st.sampled_from(["review", "negative_invoice"]),
    zero_value=st.sampled_from(["review", "post"]),
    tax_basis=st.sampled_from(["E", "I"]),
    tax_codes=st.just({"VAT": "A"}),
    merge_rows=st.booleans(),
    order_matching=st.sampled_from(["review", "receipts", "ledger"]),
    freight_charge_types=st.sampled_from([frozenset[int](), frozenset({1})]),
    mode=st.sampled_from(["ap", "ap", "journal"]),
    journal_credit_account=st.just("22-CLEAR"),
)


@given(
    drawn_rows(),
    RULES,
    st.integers(-7, 7),
    st.sampled_from(["", "CRN"]),
    st.sampled_from(["", "INV-1000"]),
    st.data(),
)
def test_i2_by_any_rules_rows_and_tax_and_rounding_are_the_gross_sum_or_it_is_refused(
    drawn: tuple[tuple[CodingRow, ...], int],
    rules: PlanningRules,
    off: int,
    type_code: str,
    original: str,
    data: st.DataObject,
) -> None:
    rows, whole = drawn
    gross = Decimal(whole + off).scaleb(-2)
    receipts = tuple(
        receipt(
            f"R{number}",
            str(data.draw(st.sampled_from([one.net, one.net * 2 if one.net else Decimal(1)]))),
            order_number=one.order_number,
            entry=str(number),
        )
        for number, one in enumerate(rows)
        if one.order_number and one.net is not None
    )
    known = books(
        suppliers={SUPPLIER: supplier(freight_account="51-FREIGHT")},
        receipts=receipts,
        periods=periods(),
        ap_invoices=frozenset({(SUPPLIER, "INV-1000")}),
    )
    one = invoice(*rows, gross=str(gross), type_code=type_code, reference_number=original)
    mapping = MappingTable([rule(), rule("5000", "90-9999")])
    outcome = plan(one, mapping, known, rules)
    if isinstance(outcome, Refusal):
        assert outcome.reason
        assert outcome.remedy
        return
    assert isinstance(outcome, Posting)
    assert made_of(outcome) == outcome.gross
    assert abs(outcome.gross) == abs(gross)
    assert outcome.gross == (-abs(gross) if type_code == "CRN" else gross)
    assert outcome == plan(one, mapping, known, rules)
    assert all(line.value for line in outcome.rows)


@given(drawn_rows(), st.booleans())
def test_merging_rows_never_changes_the_sum_of_a_gl_code(
    drawn: tuple[tuple[CodingRow, ...], int], inclusive: bool
) -> None:
    rows, whole = drawn
    coded = tuple(replace(one, receipt_number="", order_number="", cost_type=None) for one in rows)
    one = invoice(*coded, gross=str(Decimal(whole).scaleb(-2)))
    mapping = MappingTable([rule(), rule("5000", "90-9999")])
    rules = PlanningRules(tax_basis="I" if inclusive else "E", zero_value="post", tax_codes={"VAT": "A"})
    kept = plan(one, mapping, books(), rules)
    joined = plan(one, mapping, books(), replace(rules, merge_rows=True))
    assert isinstance(kept, Posting) == isinstance(joined, Posting)
    if not isinstance(kept, Posting) or not isinstance(joined, Posting):
        return
    sums: list[dict[str, Decimal]] = []
    for posting in (kept, joined):
        by_code: dict[str, Decimal] = {}
        for line in posting.rows:
            by_code[line.ledger_code] = by_code.get(line.ledger_code, Decimal(0)) + line.value
        sums.append({code: value for code, value in by_code.items() if value})
    assert sums[0] == sums[1]


def test_a_plain_row_needs_a_mapping_and_one_on_a_receipt_none() -> None:
    assert [needs_mapping(one, PlanningRules()) for one in (row(), matched(), row(account_code=""))] == [
        True,
        False,
        False,
    ]
    assert isinstance(plan(invoice(), MAPPING, books(), PlanningRules()), Posting)
