"""Matching of an AP invoice to goods receipts (GrnDetails): which receipt, how much of it, once only.

Source: SYSPRO wire notes 2.1 and 4.5. Outstanding is CurGrnValue less MatchedValue; for a foreign supplier
the sandbox takes sent and outstanding values in the supplier's currency.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from connector_defs.sandbox.syspro.grammar import Reader
from connector_defs.sandbox.world.ledger_codes import PRICE_VARIANCE_GL
from connector_defs.sandbox.world.tables import Key, TableStore, Value

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Matched:
    """One receipt taken by an invoice; `outstanding` is cleared, the rest of `value` is price variance."""

    key: Key
    value: Decimal
    outstanding: Decimal
    local_value: Decimal
    whole: bool
    clearing_account: str
    notation: str
    variance_account: str = PRICE_VARIANCE_GL


@dataclass(slots=True)
class ReceiptRules:
    """Checks GrnDetails elements against the receipts, remembering those this document already took."""

    receipts: TableStore
    taken: set[Key] = field(default_factory=set)

    def match(self, reader: Reader, supplier: str, local: Callable[[Decimal], Decimal]) -> Matched | None:
        """The match one GrnDetails element asks for; None after an error was kept."""
        row = self._receipt(reader, supplier)
        if row is None:
            return None
        grn = str(row["Grn"])
        key = tuple(row[name] for name in self.receipts.schema.key)
        open_local = _money(row["CurGrnValue"]) - _money(row["MatchedValue"])
        if row["GrnMatchedFlag"] == "Y" or open_local == 0 or key in self.taken:
            reader.refuse("GrnGrn", 110042, f"GRN '{grn}' already matched")
            return None
        outstanding = _in_currency(row, open_local)
        match_type = reader.one_of("GrnMatchType", "OUP", "O")
        value, whole = outstanding, True
        if match_type == "U":
            sent = reader.amount("GrnMatchValue")
            if sent is None:
                reader.required("GrnMatchValue")
                return None
            value = sent
        elif match_type == "P":
            part = self._part(reader, row, outstanding)
            if part is None:
                return None
            value = outstanding = part
            whole = False
        self.taken.add(key)
        return Matched(
            key=key,
            value=value,
            outstanding=outstanding,
            local_value=open_local if whole else local(outstanding),
            whole=whole,
            clearing_account=str(row["DebitRecGlCode"]),
            notation=f"GRN {grn}",
        )

    def _receipt(self, reader: Reader, supplier: str) -> dict[str, Value] | None:
        owner = reader.text("GrnSupplier", supplier)
        grn = reader.text("GrnGrn")
        if not grn:
            reader.required("GrnGrn")
            return None
        numbers = {"GrnJournal": reader.text("GrnJournal"), "GrnEntry": reader.text("GrnEntry")}
        if not all(text.isdecimal() for text in numbers.values()):
            for name, text in numbers.items():
                if not text.isdecimal():
                    reader.refuse(name, 240003, f"Value '{text}' is not numeric")
            return None
        flag = reader.text("GrnFlag")
        fits = len(owner) <= 15 and len(grn) <= 20 and len(flag) <= 1
        row = (
            self.receipts.get(owner, grn, flag, int(numbers["GrnJournal"]), int(numbers["GrnEntry"]))
            if fits
            else None
        )
        if row is None or owner != supplier:
            reader.refuse("GrnGrn", 110041, f"GRN '{grn}' not found")
            return None
        return row

    def _part(self, reader: Reader, row: dict[str, Value], outstanding: Decimal) -> Decimal | None:
        quantity = reader.quantity("GrnPartialMatchQuantity")
        value = reader.amount("GrnMatchValue")
        received = row["QtyReceived"]
        assert isinstance(received, Decimal)
        if quantity is None or value is None:
            for name, sent in (("GrnPartialMatchQuantity", quantity), ("GrnMatchValue", value)):
                if sent is None:
                    reader.required(name)
            return None
        if quantity > received or value > outstanding:
            reader.refuse(
                "GrnMatchValue", 110043, f"Partial match exceeds what is outstanding ({outstanding})"
            )
            return None
        return value


def _in_currency(row: dict[str, Value], open_local: Decimal) -> Decimal:
    """The outstanding value in the receipt's currency, in proportion where part of it is matched."""
    whole, currency_value = _money(row["OrigGrnValue"]), _money(row["CurrencyValue"])
    if not whole or open_local == whole:
        return currency_value if whole else open_local
    return (currency_value * open_local / whole).quantize(CENT, ROUND_HALF_UP)


def _money(value: Value) -> Decimal:
    assert isinstance(value, Decimal)
    return value
