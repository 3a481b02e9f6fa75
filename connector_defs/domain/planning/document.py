"""From approved invoice to SYSPRO document: every check before money moves, in order, and the document itself.

Here: the order of the steps, and which row goes where. What each step decides is in the rooms beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from connector_defs.domain.books import Books, Supplier
from connector_defs.domain.gl_mapping import MappingTable, needs_rule
from connector_defs.domain.invoices import (
    JOURNAL,
    ApprovedInvoice,
    CodingRow,
    Decisions,
    LedgerRow,
    Posting,
    ReceiptRow,
)
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.money import total
from connector_defs.domain.planning import credit, journal, receipts
from connector_defs.domain.planning.amounts import (
    Amounts,
    RowAmounts,
    amounts_of,
    check_company_amounts,
    rightly_signed,
)
from connector_defs.domain.planning.ledger_rows import check_ledger_code, ledger_row, merged
from connector_defs.domain.planning.numbers import number_of
from connector_defs.domain.planning.parties import dates_of, supplier_of
from connector_defs.domain.planning.periods import period_of
from connector_defs.domain.planning.rates import exchange_rate
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.tax import with_tax
from connector_defs.domain.planning.verdict import Refusal, Refused, Unmapped


def plan(
    invoice: ApprovedInvoice,
    mapping: MappingTable,
    books: Books,
    rules: PlanningRules,
    decisions: Decisions = Decisions(),  # noqa: B008 - immutable
) -> Posting | Unmapped | Refusal:
    """The SYSPRO document for `invoice`, or what keeps it from being posted."""
    try:
        return _plan(invoice, mapping, books, rules, decisions)
    except Refused as refused:
        return refused.refusal


def _plan(
    invoice: ApprovedInvoice,
    mapping: MappingTable,
    books: Books,
    rules: PlanningRules,
    decisions: Decisions,
) -> Posting | Unmapped:
    invoice, decisions = rightly_signed(invoice, rules, decisions)
    stated = invoice
    if rules.journal:
        invoice = journal.in_local_currency(invoice, books)
    amounts = amounts_of(invoice, rules, decisions)
    supplier = supplier_of(stated, books, rules)
    check_company_amounts(stated, books)
    names = number_of(invoice, rules)
    invoice_date, due_date = dates_of(invoice)
    split = _split(invoice, supplier, books, amounts, rules)
    gaps = mapping.gaps((one.row for one in split.coded), invoice.mapping_date)
    if gaps:
        return Unmapped(gaps)
    coded, remarks = [], list(names.remarks)
    for one in split.coded:
        line, lost = ledger_row(one, mapping.find(one.row, invoice.mapping_date), books, rules)
        coded.append((line, one))
        remarks += lost
    taxed = with_tax(coded, amounts, books, rules, whole=_covers(split, amounts))
    rows = taxed.rows
    if amounts.rounding:
        rows.append(_rounding_row(amounts.rounding, rules, books))
    if rules.merge_rows:
        rows = merged(rows)
    if rules.journal:
        check_ledger_code(books, journal.credit_account(rules), rules)
    kind = credit.kind_of(invoice, names.number, books, rules)
    period = period_of(invoice, books.periods, rules, decisions)
    return Posting(
        supplier=supplier.code,
        number=kind.original or names.number,
        kind=kind.code,
        gross=amounts.gross,
        currency=invoice.currency,
        foreign=not rules.journal
        and (books.local_currency is None or supplier.currency != books.local_currency),
        invoice_date=invoice_date,
        due_date=due_date,
        reference=posting_reference(invoice.company, invoice.invoice_id),
        notation=names.notation,
        rows=tuple(row for row in rows if row.value),
        receipts=tuple(split.receipts),
        tax_value=taxed.value,
        tax_code=taxed.code,
        tax_basis=taxed.basis,
        tax_variance=rules.tax_variance,
        period=period.document,
        ledger_period=period.ledger_period,
        remarks=tuple(remarks),
        mode=rules.mode,
        own_number=names.number if kind.original else "",
        journal_notation=names.journal_notation,
        sign=kind.sign,
        freight=split.freight,
        exchange_rate=exchange_rate(invoice, amounts, supplier, books, rules),
        credit_account=journal.credit_account(rules) if rules.mode == JOURNAL else "",
    )


def needs_mapping(row: CodingRow, rules: PlanningRules) -> bool:
    """True where a row is posted by its account, so that it waits for a mapping: not on a receipt, not as freight.

    A row that is matched to an order may still find its receipts in SYSPRO; it counts as coded here.
    """
    if _is_freight(row, rules):
        return False
    only_tax = bool(row.tax) and rules.tax_basis == "I" and bool(row.account_code) and not row.receipt_number
    return needs_rule(row) or only_tax


@dataclass(frozen=True)
class _Split:
    receipts: list[ReceiptRow]
    coded: list[RowAmounts]
    freight: Decimal


def _split(
    invoice: ApprovedInvoice, supplier: Supplier, books: Books, amounts: Amounts, rules: PlanningRules
) -> _Split:
    """Rows matched to goods receipts become receipt lines, freight a charge; the rest is coded to the ledger."""
    if rules.journal:
        journal.refuse_receipts(invoice)
    taken: list[ReceiptRow] = []
    coded: list[RowAmounts] = []
    freight: list[Decimal] = []
    for one in amounts.rows:
        row = one.row
        if not one.net and not (one.tax and rules.tax_basis == "I" and row.account_code):
            continue
        if row.receipt_number:
            taken.append(receipts.receipt_row(row, one.net, supplier, books))
        elif _is_freight(row, rules):
            freight.append(one.net)
        elif found := _by_order(one, supplier, books, rules):
            taken += found
        elif not row.account_code:
            raise Refused("NO_ACCOUNT", f"row {row.key} has no account code", "code the row in Basware")
        else:
            coded.append(one)
    if supplier.receipts_required and not taken:
        raise Refused(
            "RECEIPT_REQUIRED",
            f"supplier {supplier.code!r} requires goods-receipt matching, and no row names a receipt",
            "match the invoice to its receipts in Basware, or lift the requirement in SYSPRO",
        )
    receipts.check_taken_once(taken)
    if freight and not supplier.freight_account:
        raise Refused(
            "FREIGHT_ACCOUNT",
            f"supplier {supplier.code!r} has no freight GL code in SYSPRO, which a freight charge goes to",
            "enter it in SYSPRO, or take the cost type out of posting.freight_charge_types, then retry",
        )
    return _Split(taken, coded, total(freight))


def _is_freight(row: CodingRow, rules: PlanningRules) -> bool:
    # A journal has no freight element: there a freight row is a row like any other.
    return not rules.journal and row.cost_type in rules.freight_charge_types


def _by_order(one: RowAmounts, supplier: Supplier, books: Books, rules: PlanningRules) -> list[ReceiptRow]:
    """Receipts of a row that is matched to an order line without naming one; none where SYSPRO awaits none."""
    if not one.row.order_number or rules.order_matching == "ledger" or rules.journal:
        return []
    waiting = receipts.open_receipts(one.row, one.net, supplier, books)
    if not waiting:
        return []
    return receipts.receipts_of_order_line(one.row, one.net, waiting, find=rules.order_matching == "receipts")


def _covers(split: _Split, amounts: Amounts) -> bool:
    """True where the coded rows hold every amount of the invoice but rounding."""
    taxed: Iterable[RowAmounts] = (one for one in amounts.rows if one.tax)
    return (
        bool(split.coded)
        and not split.receipts
        and not split.freight
        and all(one in split.coded for one in taxed)
    )


def _rounding_row(rounding: Decimal, rules: PlanningRules, books: Books) -> LedgerRow:
    code = rules.rounding_account or ""
    check_ledger_code(books, code, rules)
    return LedgerRow(code, rounding, "Rounding")
