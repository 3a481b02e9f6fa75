"""From approved invoice to AP document: every check before money moves, and the document itself.

Pure: the invoice, the mapping rules and the books go in; a `Posting`, the unmapped rows or a refusal come
out. Every refusal carries a code, the reason and the remedy, because a person will read it.
Sources: SYSPRO wire notes 2.1 (balance, tax, receipts) and 4.4 (postable accounts), Basware wire notes 3.
"""

import re
import shlex
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connector_defs.domain.books import POSTABLE_ACCOUNT_TYPES, Books, GoodsReceipt, LedgerCode, Supplier
from connector_defs.domain.gl_mapping import Gap, MappingRule, MappingTable, Tie
from connector_defs.domain.invoices import (
    ApprovedInvoice,
    CodingRow,
    Decisions,
    LedgerRow,
    Posting,
    ReceiptRow,
)
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.money import AmountError, exact, total
from connector_defs.domain.text import for_windows_1252

INVOICE_NUMBER_LIMIT = 20
_NOTE_LIMIT = 30
# Basware's order fields are far wider than an order number: matching several orders may join them.
_JOINED = re.compile(r"[,;|]")


@dataclass(frozen=True)
class PlanningRules:
    """What the site decided in its settings."""

    rounding_tolerance: Decimal = Decimal("0.01")
    rounding_account: str | None = None
    posting_period: str = "C"


@dataclass(frozen=True)
class Refusal:
    """Why an invoice goes to review, and what a person can do."""

    code: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Unmapped:
    """The kinds of coding rows that no mapping rule decides; at least one."""

    gaps: tuple[Gap, ...]

    @property
    def refusal(self) -> Refusal:
        """Why the invoice waits for its mapping. Only where every row has its rules, and these differ, is it a tie."""
        missing = [gap for gap in self.gaps if not gap.rivals]
        tied = [gap for gap in self.gaps if gap.rivals]
        reasons = [f"no GL mapping for account {', '.join(gap.words for gap in missing)}"] if missing else []
        reasons += [
            f"equally specific GL mappings for account {gap.words}: {gap.rival_words}" for gap in tied
        ]
        key = (missing or tied)[0].key
        command = f"connector mapping set {shlex.quote(key.account_code)} GLCODE {key.options}".rstrip()
        return Refusal(
            "UNMAPPED_ACCOUNT" if missing else "MAPPING_AMBIGUOUS",
            "; ".join(reasons),
            f"`{command}`; the invoice then posts by itself"
            if missing
            else f"`{command}` goes before both, or retire one of them (--retire); the invoice then posts by itself",
        )


class _Refused(Exception):
    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(code, reason, remedy)


def plan(
    invoice: ApprovedInvoice,
    mapping: MappingTable,
    books: Books,
    rules: PlanningRules,
    decisions: Decisions = Decisions(),  # noqa: B008 - immutable
) -> Posting | Unmapped | Refusal:
    """The AP document for `invoice`, or what keeps it from being posted."""
    try:
        amounts = _amounts(invoice, rules, decisions)
        supplier = _supplier(invoice, books)
        number = _number(invoice)
        dates = _dates(invoice)
        receipts, coded = _split(invoice, supplier, books, amounts)
        gaps = mapping.gaps((row for row, _ in coded), invoice.mapping_date)
        if gaps:
            return Unmapped(gaps)
        rows = [_ledger_row(row, net, mapping.find(row, invoice.mapping_date), books) for row, net in coded]
        tax_rows, tax_value, tax_code = _tax(amounts, books)
        rows += tax_rows
        if amounts.rounding:
            rows.append(_rounding_row(amounts.rounding, rules, books))
    except _Refused as refused:
        return refused.refusal
    texts = for_windows_1252(f"Basware {invoice.description}".strip(), _NOTE_LIMIT)
    return Posting(
        supplier=supplier.code,
        number=number,
        # A credit note names no invoice it belongs to, which type C would need: it is a negative invoice.
        kind="I",
        gross=amounts.gross,
        currency=invoice.currency,
        foreign=books.local_currency is None or supplier.currency != books.local_currency,
        invoice_date=dates[0],
        due_date=dates[1],
        reference=posting_reference(invoice.company, invoice.invoice_id),
        notation=texts.text,
        rows=tuple(row for row in rows if row.value),
        receipts=tuple(receipts),
        tax_value=tax_value,
        tax_code=tax_code,
        period=decisions.period or rules.posting_period,
        remarks=(f"characters lost in notation: {texts.lost!r}",) if texts.lost else (),
    )


@dataclass(frozen=True)
class _Amounts:
    gross: Decimal
    nets: tuple[Decimal, ...]
    taxes: tuple[tuple[str, Decimal], ...]
    rounding: Decimal


def _amounts(invoice: ApprovedInvoice, rules: PlanningRules, decisions: Decisions) -> _Amounts:
    """Exact amounts: gross = sum of nets + tax + rounding (invariant I2)."""
    if not invoice.rows:
        raise _Refused(
            "NO_CODING", "the invoice has no coding rows", "code it in Basware and transfer it again"
        )
    if invoice.gross is None:
        raise _Refused(
            "AMOUNT_MISSING", "the invoice has no gross sum", "correct it in Basware and transfer it again"
        )
    gross = _exact(invoice.gross, invoice.currency, "gross sum")
    if gross == 0:
        raise _Refused("ZERO_VALUE", "the invoice amounts to zero", "reject it, or post it in SYSPRO by hand")
    row_taxes = [
        _exact(row.tax or Decimal(0), invoice.currency, f"tax of row {row.key}") for row in invoice.rows
    ]
    nets = tuple(_net(row, tax, invoice.currency) for row, tax in zip(invoice.rows, row_taxes, strict=True))
    taxes: dict[str, Decimal] = {}
    for row, tax in zip(invoice.rows, row_taxes, strict=True):
        if tax:
            code = (row.tax_code or invoice.tax_code).strip()
            taxes[code] = taxes.get(code, Decimal(0)) + tax
    if not taxes and invoice.tax:
        header_tax = _exact(invoice.tax, invoice.currency, "tax sum")
        if header_tax:
            taxes[invoice.tax_code.strip()] = header_tax
    difference = gross - total(nets) - total(tuple(taxes.values()))
    accepted = abs(difference) <= rules.rounding_tolerance or difference == decisions.rounding
    if difference and (not accepted or rules.rounding_account is None):
        raise _Refused(
            "UNBALANCED",
            f"rows and tax make {gross - difference} {invoice.currency}, the gross sum is {gross}: off by {difference}",
            "correct the coding in Basware, or set posting.rounding_account for differences within the tolerance",
        )
    return _Amounts(gross, nets, tuple(taxes.items()), difference)


def _net(row: CodingRow, tax: Decimal, currency: str) -> Decimal:
    if row.net is not None:
        return _exact(row.net, currency, f"net total of row {row.key}")
    if row.gross is not None:
        return _exact(row.gross, currency, f"gross total of row {row.key}") - tax
    raise _Refused(
        "AMOUNT_MISSING", f"row {row.key} has neither net nor gross total", "correct the coding in Basware"
    )


def _exact(value: Decimal, currency: str, what: str) -> Decimal:
    try:
        return exact(value, currency)
    except AmountError as error:
        raise _Refused("AMOUNT_INVALID", f"{what}: {error}", "correct the amount in Basware") from None


def _supplier(invoice: ApprovedInvoice, books: Books) -> Supplier:
    supplier = books.suppliers.get(invoice.supplier)
    if supplier is None:
        near = books.supplier_neighbours.get(invoice.supplier, [])
        hint = (
            f"; SYSPRO has {', '.join(repr(code) for code in near)}, which is not taken for it"
            if near
            else ""
        )
        raise _Refused(
            "SUPPLIER_UNKNOWN",
            f"supplier {invoice.supplier!r} is not in SYSPRO{hint}",
            "create the supplier in SYSPRO or correct it on the invoice, then retry",
        )
    if supplier.on_hold:
        raise _Refused(
            "SUPPLIER_ON_HOLD",
            f"supplier {supplier.code!r} is on hold in SYSPRO",
            "release the supplier in SYSPRO, then retry",
        )
    if supplier.currency is None:
        raise _Refused(
            "CURRENCY_UNMAPPED",
            f"SYSPRO currency key {supplier.currency_key!r} of supplier {supplier.code!r} has no ISO code",
            "add it to [currencies] in connector.toml, then retry",
        )
    if supplier.currency != invoice.currency:
        raise _Refused(
            "CURRENCY_MISMATCH",
            f"the invoice is in {invoice.currency}, supplier {supplier.code!r} is kept in {supplier.currency}",
            "correct the currency in Basware, or use the supplier's account in that currency",
        )
    return supplier


def _number(invoice: ApprovedInvoice) -> str:
    number = invoice.number.strip()
    if not number:
        raise _Refused(
            "NUMBER_MISSING", "the invoice has no invoice number", "enter it in Basware and transfer again"
        )
    if len(number) > INVOICE_NUMBER_LIMIT:
        raise _Refused(
            "NUMBER_TOO_LONG",
            f"invoice number {number!r} has {len(number)} characters, SYSPRO takes {INVOICE_NUMBER_LIMIT}",
            "agree on a shorter number in Basware; it is never cut in silence",
        )
    if for_windows_1252(number).text != number:
        raise _Refused(
            "NUMBER_CHARACTERS",
            f"invoice number {number!r} has characters SYSPRO cannot hold",
            "correct the number in Basware",
        )
    return number


def _dates(invoice: ApprovedInvoice) -> tuple[date, date | None]:
    if invoice.invoice_date is None:
        raise _Refused(
            "DATE_MISSING", "the invoice has no invoice date", "enter it in Basware and transfer it again"
        )
    if invoice.due_date is not None and invoice.due_date < invoice.invoice_date:
        raise _Refused(
            "DATE_ORDER",
            f"due date {invoice.due_date} is before invoice date {invoice.invoice_date}",
            "correct the dates in Basware",
        )
    return invoice.invoice_date, invoice.due_date


def _split(
    invoice: ApprovedInvoice, supplier: Supplier, books: Books, amounts: _Amounts
) -> tuple[list[ReceiptRow], list[tuple[CodingRow, Decimal]]]:
    """Rows matched to a goods receipt become receipt lines; the rest is coded to the ledger."""
    receipts: list[ReceiptRow] = []
    coded: list[tuple[CodingRow, Decimal]] = []
    for row, net in zip(invoice.rows, amounts.nets, strict=True):
        if not net:
            continue
        if row.receipt_number:
            receipts.append(_receipt_row(row, net, supplier, books))
            continue
        if not row.account_code:
            raise _Refused("NO_ACCOUNT", f"row {row.key} has no account code", "code the row in Basware")
        coded.append((row, net))
    if supplier.receipts_required and not receipts:
        raise _Refused(
            "RECEIPT_REQUIRED",
            f"supplier {supplier.code!r} requires goods-receipt matching, and no row names a receipt",
            "match the invoice to its receipts in Basware, or lift the requirement in SYSPRO",
        )
    taken = [(row.receipt, row.source, row.journal, row.entry) for row in receipts]
    if len(set(taken)) < len(taken):
        raise _Refused(
            "RECEIPT_TWICE",
            "two rows are matched to the same goods receipt",
            "correct the matching in Basware",
        )
    return receipts, coded


def _receipt_row(row: CodingRow, net: Decimal, supplier: Supplier, books: Books) -> ReceiptRow:
    for name, value in (("order number", row.order_number), ("order line", row.order_line)):
        if _JOINED.search(value):
            raise _Refused(
                "MATCH_AMBIGUOUS",
                f"row {row.key}: {name} {value!r} names more than one",
                "split the row in Basware so that it is matched to one order line",
            )
    if books.receipts is None:
        raise _Refused(
            "RECEIPTS_UNREADABLE",
            "SYSPRO's goods receipts (GrnDetails) cannot be read, and the invoice is matched to one",
            "give the OData user access to GrnDetails, then retry",
        )
    found = [receipt for receipt in books.receipts if _belongs(receipt, row, supplier)]
    what = f"goods receipt {row.receipt_number!r} of order {row.order_number!r} line {row.order_line!r}"
    if not found:
        raise _Refused(
            "RECEIPT_UNKNOWN", f"{what} is not in SYSPRO", "correct the matching in Basware, then retry"
        )
    if len(found) > 1:
        raise _Refused(
            "RECEIPT_AMBIGUOUS", f"{what} stands in SYSPRO {len(found)} times", "post this one by hand"
        )
    receipt = found[0]
    if receipt.fully_matched or receipt.outstanding == 0:
        raise _Refused(
            "RECEIPT_MATCHED", f"{what} is already matched in SYSPRO", "check for a double invoice"
        )
    if receipt.outstanding is None:
        raise _Refused("RECEIPT_VALUE", f"{what}: its open value cannot be told", "post this one by hand")
    match, quantity = "U", None
    if net == receipt.outstanding:
        match = "O"
    elif row.matched_quantity and abs(row.matched_quantity) < abs(receipt.quantity):
        match, quantity = "P", row.matched_quantity
    return ReceiptRow(
        receipt.supplier,
        receipt.receipt,
        receipt.source,
        receipt.journal,
        receipt.entry,
        match,
        net,
        quantity,
    )


def _belongs(receipt: GoodsReceipt, row: CodingRow, supplier: Supplier) -> bool:
    return (
        receipt.supplier == supplier.code
        and receipt.receipt.strip() == row.receipt_number.strip()
        and (not row.order_number or receipt.order_number.strip() == row.order_number.strip())
        and (not row.order_line or _line(receipt.order_line) == _line(row.order_line))
    )


def _line(number: str) -> str:
    return number.strip().lstrip("0")


def _ledger_row(row: CodingRow, net: Decimal, rule: MappingRule | Tie | None, books: Books) -> LedgerRow:
    assert isinstance(rule, MappingRule), f"row {row.key} has a gap that was not told"
    _check_ledger_code(books.ledger_codes.get(rule.gl_code), rule.gl_code)
    return LedgerRow(rule.gl_code, net, for_windows_1252(row.note, _NOTE_LIMIT).text)


def _check_ledger_code(account: LedgerCode | None, code: str) -> None:
    if account is None:
        raise _Refused(
            "GL_CODE_UNKNOWN",
            f"GL code {code!r} is not in SYSPRO",
            "correct the mapping (`connector mapping set`)",
        )
    remedy = "map the account to another GL code, or change the GL code in SYSPRO, then retry"
    if account.on_hold:
        raise _Refused("GL_CODE_ON_HOLD", f"GL code {code!r} is on hold in SYSPRO", remedy)
    if account.control_account:
        raise _Refused("GL_CODE_CONTROL", f"GL code {code!r} is a control account", remedy)
    if account.account_type and account.account_type not in POSTABLE_ACCOUNT_TYPES:
        raise _Refused(
            "GL_CODE_TYPE", f"GL code {code!r} is of type {account.account_type}, not postable", remedy
        )
    if account.analysis_required:
        raise _Refused(
            "GL_CODE_ANALYSIS", f"GL code {code!r} demands GL analysis, which is not configured", remedy
        )


def _tax(amounts: _Amounts, books: Books) -> tuple[list[LedgerRow], Decimal | None, str]:
    """Tax goes to the tax code's AP account as a tax-only line; without an account SYSPRO's own setup decides."""
    rows: list[LedgerRow] = []
    value: Decimal | None = None
    header_code = ""
    # Where the tax codes cannot be read, SYSPRO itself checks the code that is sent with the tax.
    accounts = books.tax_accounts or {}
    for code, tax in amounts.taxes:
        if code and code not in accounts and books.tax_accounts is not None:
            raise _Refused(
                "TAX_CODE_UNKNOWN",
                f"tax code {code!r} is not in SYSPRO",
                "correct the tax code in Basware or create it in SYSPRO, then retry",
            )
        if not tax:
            continue
        account = accounts.get(code, "")
        if account:
            rows.append(LedgerRow(account, tax, "Tax", code, tax_only=True))
            continue
        if value is not None:
            raise _Refused(
                "TAX_CODES_MIXED",
                f"tax codes {header_code!r} and {code!r} have no AP tax account, and a document carries one such code",
                "give the tax codes their AP tax accounts in SYSPRO, then retry",
            )
        value, header_code = tax, code
    return rows, value, header_code


def _rounding_row(rounding: Decimal, rules: PlanningRules, books: Books) -> LedgerRow:
    code = rules.rounding_account or ""
    _check_ledger_code(books.ledger_codes.get(code), code)
    return LedgerRow(code, rounding, "Rounding")
