"""What was about to be posted, kept durably before the call, and compared with what SYSPRO holds afterwards.

Belongs here: the shape, its form at rest, and the comparison. Pure. How SYSPRO is asked is in `flows.lookup`.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from connector_defs.domain.invoices import JOURNAL, Posting

# Transaction code of a credit note that is posted onto an existing invoice, and so under that invoice's number.
CREDIT = "C"


@dataclass(frozen=True)
class Intent:
    """The fingerprint in clear: supplier, number, type, gross, currency, and the value of each ledger code.

    `complete` is False where SYSPRO chooses accounts itself: of matched receipts, freight, and tax contained in the
    rows. `period` is CCYY-MM where it was worked out from a date. `seen` are the vouchers that stood in SYSPRO under
    this number before the call: for a credit note of type C, whose number is its original's, they are all that
    tells ours from the others.
    """

    mode: str
    supplier: str
    number: str
    kind: str
    gross: Decimal
    currency: str
    values: Mapping[str, Decimal]
    complete: bool
    period: str = ""
    seen: tuple[str, ...] = ()

    @classmethod
    def of(cls, posting: Posting, seen: Iterable[str] = ()) -> "Intent":
        """The intent to post `posting`."""
        values = [(row.ledger_code, row.value) for row in posting.rows]
        if posting.mode == JOURNAL:
            values.append((posting.credit_account, -posting.gross))
        return cls(
            mode=posting.mode,
            supplier=posting.supplier,
            number=posting.number,
            kind=posting.kind,
            gross=posting.gross,
            currency=posting.currency,
            values=_by_code(values),
            complete=not (posting.receipts or posting.tax_value or posting.freight or posting.tax_contained),
            period="{}-{:02d}".format(*posting.ledger_period) if posting.ledger_period else "",
            seen=tuple(sorted(seen)),
        )

    @classmethod
    def read(cls, text: str) -> "Intent | None":
        """From the JSON text the store keeps; None where none was ever written."""
        if not text:
            return None
        kept = json.loads(text)
        return cls(
            **{
                **kept,
                "gross": Decimal(kept["gross"]),
                "values": {code: Decimal(value) for code, value in kept["values"].items()},
                "seen": tuple(kept["seen"]),
            }
        )

    @property
    def text(self) -> str:
        """As the store keeps it."""
        plain = {
            **vars(self),
            "gross": str(self.gross),
            "values": {code: str(value) for code, value in sorted(self.values.items())},
        }
        return json.dumps(plain, sort_keys=True, separators=(",", ":"))

    def differences(
        self,
        amounts: Iterable[Decimal],
        currencies: Collection[str],
        lines: Iterable[tuple[str, Decimal]] | None,
        period: str = "",
    ) -> list[str]:
        """In which respects a posting in SYSPRO is not the one that was meant; empty where it is.

        `amounts` are those SYSPRO may hold the gross in (its own or the invoice's currency); `currencies` are
        the ISO codes it names, none where it names none we know; `lines` are (ledger code, value) of its
        distribution, None where they cannot be read.
        Lines are compared where they stand for the same sum: some sites keep them in local currency, or leave tax
        and receipts out, and then they say nothing.
        """
        found = []
        held = list(amounts)
        if self.gross not in held:
            found.append(f"it is over {' / '.join(str(value) for value in dict.fromkeys(held))}")
        if currencies and self.currency not in currencies:
            found.append(f"it is in {' / '.join(currencies)}")
        if self.period and period and period != self.period:
            found.append(f"it is in period {period} instead of {self.period}")
        if lines is not None and self.complete:
            theirs = _by_code(lines)
            same_sum = sum(theirs.values(), Decimal(0)) == sum(self.values.values(), Decimal(0))
            if same_sum and theirs != self.values:
                codes = sorted(
                    code
                    for code in theirs.keys() | self.values.keys()
                    if theirs.get(code) != self.values.get(code)
                )
                found += [
                    f"GL code {code} has {theirs.get(code, 0)} instead of {self.values.get(code, 0)}"
                    for code in codes
                ]
        return found


def _by_code(lines: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    values: dict[str, Decimal] = {}
    for code, value in lines:
        values[code.strip()] = values.get(code.strip(), Decimal(0)) + value
    return {code: value for code, value in values.items() if value}
