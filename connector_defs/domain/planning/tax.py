"""Where the tax of an invoice goes: tax-only rows, the document's header, or contained in the rows.

Source: SYSPRO wire notes 2.1; docs/decisions/0002-tax-only-lines.md.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from connector_defs.domain.books import Books
from connector_defs.domain.invoices import LedgerRow
from connector_defs.domain.money import total
from connector_defs.domain.planning.amounts import Amounts, RowAmounts
from connector_defs.domain.planning.ledger_rows import check_ledger_code
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused


@dataclass(frozen=True)
class Taxed:
    """The rows with their tax, and what the header tells of it."""

    rows: list[LedgerRow]
    basis: str = "E"
    value: Decimal | None = None
    code: str = ""


def with_tax(
    rows: list[tuple[LedgerRow, RowAmounts]],
    amounts: Amounts,
    books: Books,
    rules: PlanningRules,
    *,
    whole: bool,
) -> Taxed:
    """Ledger rows and tax. `whole`: every amount of the invoice is in `rows`, none on receipts or as freight.

    Only then may a document be tax inclusive: values of receipts and freight are always net of tax.
    """
    known = _known_codes(rows, amounts, books, rules)
    if rules.journal:
        return _on_accounts(known, amounts, books, rules)
    if rules.tax_basis == "I" and whole and amounts.taxes:
        return _contained(rows, amounts)
    return _added(known, amounts, books)


def _known_codes(
    rows: list[tuple[LedgerRow, RowAmounts]], amounts: Amounts, books: Books, rules: PlanningRules
) -> list[LedgerRow]:
    """Rows as they are, with the tax code where SYSPRO is to account for reverse charge; unknown codes refused."""
    marked = [
        replace(line, tax_code=one.tax_code) if rules.reverse_charge == "tax_code" and one.row.tax2 else line
        for line, one in rows
    ]
    used = {code for code, _ in amounts.taxes} | {line.tax_code for line in marked}
    if books.tax_accounts is not None:
        # Where the tax codes cannot be read, SYSPRO itself checks the code that is sent with the tax.
        for code in sorted(used - {""} - books.tax_accounts.keys()):
            raise Refused(
                "TAX_CODE_UNKNOWN",
                f"tax code {code!r} is not in SYSPRO",
                "correct the tax code in Basware, map it under [posting.tax_codes], or create it in SYSPRO, then retry",
            )
    return marked


def _added(rows: list[LedgerRow], amounts: Amounts, books: Books) -> Taxed:
    """Tax as tax-only rows on the codes' AP accounts; one code without an account goes to the header."""
    tax_rows: list[LedgerRow] = []
    value: Decimal | None = None
    header_code = ""
    accounts = books.tax_accounts or {}
    for code, tax in amounts.taxes:
        if not tax:
            continue
        account = accounts.get(code, "")
        if account:
            tax_rows.append(LedgerRow(account, tax, "Tax", code, tax_only=True))
            continue
        if value is not None:
            raise Refused(
                "TAX_CODES_MIXED",
                f"tax codes {header_code!r} and {code!r} have no AP tax account, and a document carries one such code",
                "give the tax codes their AP tax accounts in SYSPRO, then retry",
            )
        value, header_code = tax, code
    return Taxed([*rows, *tax_rows], "E", value, header_code)


def _contained(rows: list[tuple[LedgerRow, RowAmounts]], amounts: Amounts) -> Taxed:
    """Rows with their tax in them, each under its own code; the header tells how much tax that is.

    The code stays out of the header: SYSPRO takes it for every row that has none.
    """
    tax = total([value for _, value in amounts.taxes])
    if amounts.tax_in_header:
        (code, value), *_ = amounts.taxes
        if len(rows) > 1:
            raise Refused(
                "TAX_NOT_IN_ROWS",
                "the tax is told for the invoice alone, and tax-inclusive rows need each its own",
                "split the tax over the coding rows in Basware, or set posting.tax_basis to E",
            )
        return Taxed([replace(line, value=line.value + value, tax_code=code) for line, _ in rows], "I", tax)
    inclusive = [replace(line, value=line.value + one.tax, tax_code=one.tax_code) for line, one in rows]
    return Taxed(inclusive, "I", tax)


def _on_accounts(rows: list[LedgerRow], amounts: Amounts, books: Books, rules: PlanningRules) -> Taxed:
    """A journal knows no tax codes: tax goes to the codes' AP accounts, and nowhere else."""
    tax_rows = []
    for code, tax in amounts.taxes:
        if not tax:
            continue
        account = (books.tax_accounts or {}).get(code, "")
        if not account:
            raise Refused(
                "TAX_ACCOUNT_MISSING",
                f"tax code {code!r} has no AP tax account, which a journal needs",
                "give the tax code its AP tax account in SYSPRO, then retry",
            )
        check_ledger_code(books, account, rules)
        tax_rows.append(LedgerRow(account, tax, "Tax", code, tax_only=True))
    return Taxed([*(replace(row, tax_code="") for row in rows), *tax_rows])
