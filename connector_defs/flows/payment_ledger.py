"""How far SYSPRO says that invoices are paid, read by key through OData.

Belongs here: which rows are read and what they are to the domain. What they come to is decided in
`domain.payments`, what is told of it in `payments`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast

from connector_defs.domain.errors import RecordRefused
from connector_defs.domain.payments import (
    PayableInvoice,
    PayableMove,
    PaymentRules,
    PaymentState,
    payment_state,
    rows_are_gone,
)
from connector_defs.domain.translation.context import day, iso_currency, number, trimmed, whole
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings, PaymentSettings
from connector_defs.store.payments import Answered
from connector_defs.syspro import tables
from connector_defs.syspro.odata import QueryRefused, TableMissing
from connector_defs.syspro.tables import Row

_INVOICE_COLUMNS = ("OrigInvValue", "CurrencyValue", "MthInvBal1", "ManualChqNum", "PaymentChkType")

LedgerKey = tuple[str, str]


@dataclass(frozen=True)
class PaidSoFar:
    """What SYSPRO says of one invoice, and on how many rows that rests.

    `state` is None where rows we knew of are gone without the invoice being open again: nothing follows from that.
    """

    state: PaymentState | None
    entries: int


def ledger_key(supplier: str, invoice_number: str) -> LedgerKey:
    """A supplier's invoice as a key that a database ignoring case and blanks at the end takes for the same."""
    return supplier.strip().casefold(), invoice_number.strip().casefold()


def rules_of(settings: PaymentSettings) -> PaymentRules:
    """The site's transaction types."""
    return PaymentRules(
        paying=frozenset(settings.paying_types),
        settling=frozenset(settings.settling_types),
        discounts=frozenset(settings.discount_types),
        methods=settings.methods,
    )


class PaymentReader:
    """Reads the payments of invoices of one company, 50 invoices to a call."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._odata = connector.odata(company)
        self._currencies = connector.settings.currencies
        self._rules = rules_of(connector.settings.payments)

    def read(self, batch: Sequence[Answered]) -> dict[str, PaidSoFar | RecordRefused]:
        """By invoice id: how far it is paid, or why that cannot be told."""
        keys = [(one.supplier, one.number.strip()) for one in batch]
        moves: dict[LedgerKey, list[PayableMove]] = defaultdict(list)
        for row in self._odata.by_keys(tables.AP_INVOICE_PAY, ["Supplier", "Invoice"], keys):
            moves[_key(row)].append(self._move(row))
        # An invoice without a row, now or before, needs no more looking: nobody has paid it.
        paid = [
            key
            for one, key in zip(batch, keys, strict=True)
            if ledger_key(*key) in moves or (one.payment and one.payment.entries)
        ]
        held = {
            _key(row): row
            for row in self._optional(
                lambda: self._odata.by_keys(
                    tables.AP_INVOICE, ["Supplier", "Invoice"], paid, select=_INVOICE_COLUMNS
                )
            )
        }
        cheques = self._cheques(moves, paid)
        found: dict[str, PaidSoFar | RecordRefused] = {}
        for one in batch:
            key = ledger_key(one.supplier, one.number)
            with_cheques = [
                replace(move, cheque=cheques.get((move.number, *key), "")) for move in moves.get(key, ())
            ]
            found[one.invoice_id] = self._judged(one, with_cheques, held.get(key))
        return found

    def _judged(
        self, one: Answered, moves: Sequence[PayableMove], row: Row | None
    ) -> PaidSoFar | RecordRefused:
        invoice = _invoice(one, row)
        if rows_are_gone(moves, invoice, one.payment.entries if one.payment else 0):
            return PaidSoFar(None, len(moves))
        try:
            return PaidSoFar(payment_state(moves, invoice, self._rules), len(moves))
        except RecordRefused as unclear:
            return unclear

    def _move(self, row: Row) -> PayableMove:
        return PayableMove(
            entry=whole(row, "EntryNumber"),
            kind=trimmed(row, "TrnType").upper(),
            value=number(row, "TrnValue"),
            posted=number(row, "PostValue"),
            currency=iso_currency(trimmed(row, "PostCurrency"), self._currencies),
            rate=number(row, "PostConvRate"),
            day=day(row, "JournalDate"),
            year=whole(row, "TrnYear"),
            month=whole(row, "TrnMonth"),
            journal=whole(row, "Journal"),
            number=_reference(row, "PaymentNumber"),
            reference=trimmed(row, "PaymentReference"),
        )

    def _cheques(
        self, moves: dict[LedgerKey, list[PayableMove]], paid: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str, str], str]:
        """Cheque numbers by payment number, supplier and invoice, from the payment runs."""
        keys = [(one.number, *key) for key in paid for one in moves.get(ledger_key(*key), ()) if one.number]
        rows = self._optional(
            lambda: self._odata.by_keys(
                tables.AP_PAY_RUN_DET, ["PaymentNumber", "Supplier", "Invoice"], keys, select=["Cheque"]
            )
        )
        return {(trimmed(row, "PaymentNumber"), *_key(row)): _reference(row, "Cheque") for row in rows}

    def _optional(self, read: Callable[[], list[Row]]) -> list[Row]:
        """Rows of a table that a site may keep to itself; without them less is certain, and nothing is wrong."""
        try:
            return read()
        except (TableMissing, QueryRefused):
            return []


def _invoice(one: Answered, row: Row | None) -> PayableInvoice:
    plain = PayableInvoice(one.currency, one.gross or Decimal(0))
    if row is None:
        return plain
    return replace(
        plain,
        original=_amount(row, "OrigInvValue"),
        currency_value=_amount(row, "CurrencyValue"),
        open_value=_amount(row, "MthInvBal1"),
        manual_cheque=_reference(row, "ManualChqNum"),
        cheque_type=trimmed(row, "PaymentChkType"),
    )


def _amount(row: Row, column: str) -> Decimal | None:
    return cast("Decimal | None", row[column])


def _reference(row: Row, column: str) -> str:
    """A number of a document; zeros alone stand for none."""
    text = trimmed(row, column)
    return text if text.strip("0") else ""


def _key(row: Row) -> LedgerKey:
    return ledger_key(trimmed(row, "Supplier"), trimmed(row, "Invoice"))
