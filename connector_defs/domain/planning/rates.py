"""The exchange rate a foreign invoice is entered at, in the direction SYSPRO keeps the currency.

Basware states a rate without its direction (Basware wire notes 3.13), so the company amounts decide which it is;
a rate that reproduces them in neither direction is refused. Source: SYSPRO wire notes 2.1, 4.3.
"""

from decimal import Decimal, localcontext

from connector_defs.domain.books import Books, ExchangeRate, Supplier
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.money import minor_digits
from connector_defs.domain.planning.amounts import Amounts
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused

_RATE_STEP = Decimal("0.000001")
# Six decimals are few for a rate far below 1; what is off by more than this share is another rate.
_NEAR = Decimal("0.0001")


def exchange_rate(
    invoice: ApprovedInvoice, amounts: Amounts, supplier: Supplier, books: Books, rules: PlanningRules
) -> Decimal | None:
    """The rate to enter; None where SYSPRO takes its own."""
    if rules.exchange_rate == "syspro" or rules.journal or supplier.currency == books.local_currency:
        return None
    company_gross, local = _company_gross(invoice, books)
    table = (books.rates or {}).get(supplier.currency_key.strip())
    if table is None:
        raise Refused(
            "RATE_UNREADABLE",
            f"SYSPRO's rate of currency {supplier.currency_key.strip()!r} cannot be read, nor which way it works",
            "give the OData user access to TblCurrency, or set posting.exchange_rate to syspro",
        )
    if not amounts.gross:
        return None
    if table.fixed:
        _check_fixed(invoice, amounts, company_gross, table, local)
        return table.rate
    with localcontext() as context:
        context.prec = 40
        return _entered(invoice, amounts, company_gross, table, local)


def _company_gross(invoice: ApprovedInvoice, books: Books) -> tuple[Decimal, str]:
    """Gross sum in local currency, and which that is."""
    if invoice.gross_company is None:
        raise Refused(
            "RATE_UNVERIFIED",
            "the invoice has no gross sum in company currency, which tells the direction of its exchange rate",
            "correct it in Basware, or set posting.exchange_rate to syspro",
        )
    if books.local_currency is None or invoice.company_currency not in ("", books.local_currency):
        raise Refused(
            "COMPANY_CURRENCY",
            f"company amounts are in {invoice.company_currency or 'a currency not told'}, "
            f"SYSPRO's ledger in {books.local_currency or 'a currency that cannot be told'}",
            "correct the company currency in Basware or the rates in SYSPRO (the local one is the only one at 1)",
        )
    return invoice.gross_company, books.local_currency


def _entered(
    invoice: ApprovedInvoice,
    amounts: Amounts,
    company_gross: Decimal,
    table: ExchangeRate,
    local_currency: str,
) -> Decimal:
    """Basware's rate as SYSPRO keeps the currency: as stated, turned round, or from the two gross sums."""
    stated = invoice.exchange_rate
    # (rate, by how much it may be off)
    candidates: list[tuple[Decimal, Decimal]]
    if stated is None:
        quotient = company_gross / amounts.gross
        candidates = [(quotient if table.multiplies or not quotient else 1 / quotient, _RATE_STEP)]
    elif stated <= 0:
        candidates = []
    else:
        # A stated rate is right to its last digit; beyond six none counts as more exact.
        exponent = stated.as_tuple().exponent
        last_digit = min(Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0), _RATE_STEP)
        candidates = [(stated, last_digit), (1 / stated, last_digit / (stated * stated))]
    for candidate, inexact in candidates:
        rate = candidate.quantize(_RATE_STEP)
        error = max(inexact, _RATE_STEP)
        if rate > 0 and _reproduces(invoice, amounts, company_gross, rate, table, local_currency, error):
            return rate
    raise _contradiction(invoice, company_gross)


def _reproduces(
    invoice: ApprovedInvoice,
    amounts: Amounts,
    company_gross: Decimal,
    rate: Decimal,
    table: ExchangeRate,
    local_currency: str,
    inexact: Decimal,
) -> bool:
    """True where `rate` makes the company gross of the invoice's, but for rounding of rows and of the rate."""
    local = amounts.gross * rate if table.multiplies else amounts.gross / rate
    minor = Decimal(1).scaleb(-minor_digits(local_currency))
    rounding = minor * (2 * len(invoice.rows) + 1) / 2
    slope = abs(amounts.gross) if table.multiplies else abs(amounts.gross) / (rate * rate)
    return abs(local - company_gross) <= rounding + min(slope * inexact, abs(company_gross) * _NEAR)


def _check_fixed(
    invoice: ApprovedInvoice,
    amounts: Amounts,
    company_gross: Decimal,
    table: ExchangeRate,
    local_currency: str,
) -> None:
    with localcontext() as context:
        context.prec = 40
        if not _reproduces(invoice, amounts, company_gross, table.rate, table, local_currency, Decimal(0)):
            raise Refused(
                "RATE_FIXED",
                f"{invoice.currency} has the fixed rate {table.rate} in SYSPRO, which does not make "
                f"{company_gross} of {amounts.gross}",
                "correct the rate in Basware or SYSPRO, then retry",
            )


def _contradiction(invoice: ApprovedInvoice, company_gross: Decimal) -> Refused:
    stated = "no exchange rate" if invoice.exchange_rate is None else f"exchange rate {invoice.exchange_rate}"
    return Refused(
        "RATE_CONTRADICTS",
        f"{stated} does not make {company_gross} of {invoice.gross} {invoice.currency} in either direction",
        "correct the rate or the company amounts in Basware and transfer it again",
    )
