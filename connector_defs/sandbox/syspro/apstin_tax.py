"""Tax of an AP invoice: rates and accounts of the codes, and lines that contain their tax parted into net and tax.

Source: SYSPRO wire notes 2.1 (TaxBasis) and 4.3 (AdmTax). How SYSPRO rounds contained tax is not public; here it is
rounded line by line [inferred].
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from connector_defs.sandbox.world.tables import TableStore

_CENT = Decimal("0.01")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One LedgerDistribution line."""

    gl_code: str
    value: Decimal
    notation: str
    tax_code: str
    tax_only: bool


@dataclass(frozen=True, slots=True)
class TaxCodes:
    """The tax codes of one company."""

    table: TableStore

    def rate(self, code: str) -> Decimal | None:
        """Percent of a code; None for a code that is not on file."""
        row = self.table.get(code.ljust(3)) if len(code) <= 3 else None
        rate = row["CurTaxRate"] if row else None
        return rate if isinstance(rate, Decimal) else None

    def account(self, code: str) -> str:
        """AP tax account of a code, of the first one where there is no such code."""
        row = self.table.get(code.ljust(3)) or self.table.as_dict(self.table.rows[0])
        return str(row["ApTaxGlCode"])

    def tax_of(self, value: Decimal, code: str, *, inclusive: bool) -> Decimal:
        """Tax on a net value, or contained in an inclusive one."""
        rate = self.rate(code) if code else None
        if not rate:
            return _ZERO
        if not inclusive:
            return value * rate / 100
        return (value * rate / (100 + rate)).quantize(_CENT, ROUND_HALF_UP)

    def parted(self, lines: list[Line], tax_code: str, tax: Decimal) -> tuple[list[Line], Decimal]:
        """Inclusive lines as net ones, each code with a tax line; tax that no code explains leaves the first line.

        Also the tax that is still to be booked.
        """
        net: list[Line] = []
        taxes: dict[str, Decimal] = {}
        for each in lines:
            code = each.tax_code or tax_code
            part = _ZERO if each.tax_only else self.tax_of(each.value, code, inclusive=True)
            net.append(replace(each, value=each.value - part))
            if part:
                taxes[code] = taxes.get(code, _ZERO) + part
        if not taxes and tax and net:
            net[0] = replace(net[0], value=net[0].value - tax)
            return net, tax
        extra = [Line(self.account(code), part, "Tax", code, tax_only=True) for code, part in taxes.items()]
        return net + extra, _ZERO
