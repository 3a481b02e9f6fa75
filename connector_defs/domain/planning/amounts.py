"""Exact amounts: sign, minor units, and gross = rows + tax + rounding (invariant I2).

Source: Basware wire notes 3.9 (credit notes), 3.14 (tax), SYSPRO wire notes 4.2 (amounts have two decimals).
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from connector_defs.domain.books import Books
from connector_defs.domain.invoices import ApprovedInvoice, CodingRow, Decisions
from connector_defs.domain.money import AmountError, exact, minor_digits, total
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refusal, Refused

# Every amount column of SYSPRO is decimal(14,2).
_LEDGER_STEP = Decimal("0.01")


@dataclass(frozen=True)
class RowAmounts:
    """A coding row with its exact amounts and the SYSPRO tax code of its tax."""

    row: CodingRow
    net: Decimal
    tax: Decimal
    tax_code: str


@dataclass(frozen=True)
class Amounts:
    """The invoice in exact amounts. `taxes` holds the tax by SYSPRO tax code, `rounding` what is left of gross."""

    gross: Decimal
    rows: tuple[RowAmounts, ...]
    taxes: tuple[tuple[str, Decimal], ...]
    rounding: Decimal
    # True where Basware tells the tax in the header alone
    tax_in_header: bool = False


def rightly_signed(
    invoice: ApprovedInvoice, rules: PlanningRules, decisions: Decisions
) -> tuple[ApprovedInvoice, Decisions]:
    """The invoice with the sign of the supplier's claim: a credit note is negative, however Basware states it.

    Credit notes come as negative sums, or as positive sums under a type of their own; the sums of the latter are
    turned round once, those of the former never. A difference somebody accepted turns with them.
    """
    stated_positive = invoice.gross is not None and invoice.gross.is_finite() and invoice.gross > 0
    if invoice.type_code.strip() not in rules.credit_note_types or not stated_positive:
        return invoice, decisions
    accepted = None if decisions.rounding is None else decisions.rounding.copy_negate()
    return invoice.negated(), replace(decisions, rounding=accepted)


def rounding_of(invoice: ApprovedInvoice, rules: PlanningRules) -> Decimal | Refusal:
    """What the gross sum is off the rows and their tax: the difference a person may accept as rounding."""
    whatever_it_is = replace(rules, rounding_tolerance=Decimal("Infinity"), rounding_account="")
    try:
        return amounts_of(invoice, whatever_it_is, Decisions()).rounding
    except Refused as refused:
        return refused.refusal


def amounts_of(invoice: ApprovedInvoice, rules: PlanningRules, decisions: Decisions) -> Amounts:
    """Exact amounts, or Refused where they are missing, not exact, or do not add up."""
    if not invoice.rows:
        raise Refused(
            "NO_CODING", "the invoice has no coding rows", "code it in Basware and transfer it again"
        )
    if invoice.gross is None:
        raise Refused(
            "AMOUNT_MISSING", "the invoice has no gross sum", "correct it in Basware and transfer it again"
        )
    gross = _exact(invoice.gross, invoice.currency, "gross sum")
    rows = tuple(_row(row, invoice, rules) for row in invoice.rows)
    if gross == 0 and (rules.zero_value == "review" or not any(row.net or row.tax for row in rows)):
        raise Refused("ZERO_VALUE", "the invoice amounts to zero", "reject it, or post it in SYSPRO by hand")
    _check_reverse_charge(invoice, rules)
    taxes: dict[str, Decimal] = {}
    for row in rows:
        if row.tax:
            taxes[row.tax_code] = taxes.get(row.tax_code, Decimal(0)) + row.tax
    tax_in_header = False
    if not taxes and invoice.tax:
        header_tax = _exact(invoice.tax, invoice.currency, "tax sum")
        if header_tax:
            tax_in_header = True
            taxes[syspro_tax_code(invoice.tax_code, rules)] = header_tax
    difference = gross - total([row.net for row in rows]) - total(list(taxes.values()))
    accepted = abs(difference) <= rules.rounding_tolerance or difference == decisions.rounding
    if difference and (not accepted or rules.rounding_account is None):
        raise Refused(
            "UNBALANCED",
            f"rows and tax make {gross - difference} {invoice.currency}, the gross sum is {gross}: off by {difference}",
            "correct the coding in Basware, or set posting.rounding_account for differences within the tolerance",
        )
    return Amounts(gross, rows, tuple(taxes.items()), difference, tax_in_header)


def check_company_amounts(invoice: ApprovedInvoice, books: Books) -> None:
    """Where invoice and company share their currency, both gross sums are one."""
    if invoice.gross_company is None or invoice.gross is None:
        return
    if invoice.company_currency and invoice.company_currency != invoice.currency:
        return
    if not invoice.company_currency and books.local_currency != invoice.currency:
        return
    if invoice.gross_company != invoice.gross:
        raise Refused(
            "COMPANY_AMOUNTS",
            f"the gross sum is {invoice.gross} {invoice.currency} and {invoice.gross_company} in the same currency "
            "as company amount",
            "correct the invoice in Basware and transfer it again",
        )


def syspro_tax_code(code: str, rules: PlanningRules) -> str:
    """SYSPRO's code for a Basware tax code."""
    trimmed = code.strip()
    return rules.tax_codes.get(trimmed, trimmed)


def _row(row: CodingRow, invoice: ApprovedInvoice, rules: PlanningRules) -> RowAmounts:
    tax = _exact(row.tax or Decimal(0), invoice.currency, f"tax of row {row.key}")
    code = syspro_tax_code(row.tax_code or invoice.tax_code, rules)
    if row.net is not None:
        return RowAmounts(row, _exact(row.net, invoice.currency, f"net total of row {row.key}"), tax, code)
    if row.gross is not None:
        gross = _exact(row.gross, invoice.currency, f"gross total of row {row.key}")
        return RowAmounts(row, gross - tax, tax, code)
    raise Refused(
        "AMOUNT_MISSING", f"row {row.key} has neither net nor gross total", "correct the coding in Basware"
    )


def _check_reverse_charge(invoice: ApprovedInvoice, rules: PlanningRules) -> None:
    """Tax that is no part of what is paid is never posted unseen (Basware wire notes 3.14)."""
    if rules.reverse_charge == "tax_code":
        return
    found = next((row.tax2 for row in invoice.rows if row.tax2), None) or invoice.tax2
    if found:
        raise Refused(
            "REVERSE_CHARGE",
            f"the invoice has {found} {invoice.currency} of tax that is no part of what is paid (tax sum 2)",
            "post it in SYSPRO by hand, or set posting.reverse_charge where SYSPRO's tax codes account for it",
        )


def _exact(value: Decimal, currency: str, what: str) -> Decimal:
    try:
        amount = exact(value, currency)
    except AmountError as error:
        raise Refused("AMOUNT_INVALID", f"{what}: {error}", "correct the amount in Basware") from None
    if minor_digits(currency) > 2 and amount != amount.quantize(_LEDGER_STEP):
        raise Refused(
            "AMOUNT_DECIMALS",
            f"{what}: {amount} {currency} has three decimals, of which SYSPRO keeps two",
            "post this one by hand: it cannot stand in SYSPRO to the last digit",
        )
    return amount
