"""Three books compared invoice by invoice: what Basware transferred, what we posted, what SYSPRO holds.

Reads only, and only through the public interfaces of both systems. Equality is to the minor unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from connector_defs.basware.documents import AccountingDocument
from connector_defs.domain.intents import Intent
from connector_defs.domain.keys import response_code
from connector_defs.domain.states import State
from connector_defs.flows.answers import MOST_ANSWERS
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import LookUp, wanted_of
from connector_defs.flows.reports import Difference, LedgerTotal, ReconcileReport
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices, payments
from connector_defs.store.invoices import StoredInvoice
from connector_defs.store.payments import Payment

_IN_LEDGER = frozenset({State.POSTED, State.RESPONDED})
_TRANSFERRED = ("Transferred", "Paid")


def reconcile(
    connector: Connector, day: date | None = None, companies: Sequence[CompanySettings] | None = None
) -> ReconcileReport:
    """Compare everything, or with `day` what was posted on that UTC day; of all companies where none are named.

    Nothing where neither invoices nor payments are in use: Basware shows us no invoice then.
    """
    chosen = connector.companies if companies is None else companies
    if not {"invoices", "payments"} & set(connector.flows):
        chosen = ()
    reports = [_Books(connector, company, day).compare() for company in chosen]
    return ReconcileReport(
        day=day,
        compared=sum(report.compared for report in reports),
        matched=sum(report.matched for report in reports),
        totals=tuple(total for report in reports for total in report.totals),
        differences=tuple(difference for report in reports for difference in report.differences),
    )


@dataclass(frozen=True)
class _Transferred:
    """What matters of a Basware invoice here; whole documents of a long history would not fit in memory."""

    status: str
    gross: Decimal
    voucher: str
    answers: frozenset[str]
    paid_totals: Mapping[str, Decimal | None]


class _Books:
    def __init__(self, connector: Connector, company: CompanySettings, day: date | None) -> None:
        self._connector = connector
        self._company = company
        self._day = day
        self._differences: list[Difference] = []

    def compare(self) -> ReconcileReport:
        ours = self._ours()
        told = self._payments(ours)
        theirs = self._transferred()
        intents = {invoice_id: Intent.read(stored.intent) for invoice_id, stored in ours.items()}
        mode = self._company.posting_mode
        entries = LookUp(self._connector, self._company).find(
            [wanted_of(stored, intents[invoice_id], mode) for invoice_id, stored in ours.items()]
        )
        totals: dict[str, list[tuple[Decimal, Decimal, Decimal]]] = {}
        matched = 0
        for invoice_id, stored in sorted(ours.items()):
            gross = stored.gross or Decimal(0)
            entry = entries[invoice_id].entry
            intent = intents[invoice_id]
            document = theirs.get(invoice_id)
            if document is None and stored.state is State.RESPONDED:
                found = self._connector.basware.document(invoice_id)
                document = _transferred(found) if found else None
            sound = self._check(stored, intent, entry, document)
            if document is not None and invoice_id in told:
                sound = self._check_payment(stored, told[invoice_id], document) and sound
            matched += sound
            syspro = _in_currency_of(stored, intent, entry)
            basware = document.gross if document else Decimal(0)
            totals.setdefault(stored.currency, []).append((basware, gross, syspro))
        self._check_unknown(theirs.keys() - ours.keys(), theirs)
        self._check_vouchers(ours.values())
        return ReconcileReport(
            day=self._day,
            compared=len(ours),
            matched=matched,
            totals=tuple(
                LedgerTotal(
                    self._company.syspro_company,
                    currency,
                    len(rows),
                    sum((row[0] for row in rows), Decimal(0)),
                    sum((row[1] for row in rows), Decimal(0)),
                    sum((row[2] for row in rows), Decimal(0)),
                )
                for currency, rows in sorted(totals.items())
            ),
            differences=tuple(self._differences),
        )

    def _ours(self) -> dict[str, StoredInvoice]:
        with self._connector.store.read() as connection:
            stored = invoices.in_states(
                connection, self._company.syspro_company, _IN_LEDGER, with_payload=False
            )
        return {
            one.invoice_id: one
            for one in stored
            if self._day is None or one.updated_at.astimezone(UTC).date() == self._day
        }

    def _transferred(self) -> dict[str, _Transferred]:
        """Invoices Basware shows as transferred; a day's worth is read with a day of slack."""
        since = (
            datetime.combine(self._day - timedelta(days=1), time.min, UTC) if self._day is not None else None
        )
        found = {}
        for status in _TRANSFERRED:
            for page in self._connector.basware.documents(
                self._company.basware_company, status, last_updated=since
            ):
                found.update({document.invoice_id: _transferred(document) for document in page.documents})
        return found

    def _check(
        self,
        stored: StoredInvoice,
        intent: Intent | None,
        entry: LedgerEntry | None,
        document: _Transferred | None,
    ) -> bool:
        before = len(self._differences)
        if entry is None:
            self._differ(
                stored,
                "NOT_IN_SYSPRO",
                stored.voucher,
                "no AP invoice",
                "look for it in SYSPRO's AP journals",
            )
        elif not entry.amounts_to(intent.gross if intent else stored.gross):
            self._differ(
                stored, "AMOUNT", str(stored.gross), str(entry.value), "correct the posting in SYSPRO"
            )
        elif entry.voucher != stored.voucher:
            self._differ(
                stored, "VOUCHER", stored.voucher, entry.voucher, "the invoice may have been posted again"
            )
        if stored.state is State.RESPONDED:
            if document is None or document.status not in _TRANSFERRED:
                status = document.status if document else "unknown there"
                self._differ(
                    stored, "NOT_TRANSFERRED", "answered", status, "set it to transferred in Basware"
                )
            elif document.gross != (stored.gross or Decimal(0)):
                self._differ(
                    stored,
                    "CHANGED",
                    str(stored.gross),
                    str(document.gross),
                    "the invoice changed in Basware",
                )
            elif document.voucher and document.voucher != stored.voucher:
                self._differ(
                    stored,
                    "VOUCHER",
                    stored.voucher,
                    document.voucher,
                    "another system answered as well",
                )
        return len(self._differences) == before

    def _payments(self, ours: Mapping[str, StoredInvoice]) -> dict[str, Payment]:
        """What Basware was told of payments and took, by invoice; what is still on its way is left out."""
        with self._connector.store.read() as connection:
            known = payments.get_many(connection, self._company.syspro_company, list(ours))
        return {
            invoice_id: one for invoice_id, one in known.items() if one.told_code and one.state == "confirmed"
        }

    def _check_payment(self, stored: StoredInvoice, told: Payment, document: _Transferred) -> bool:
        """Whether Basware holds what it was told last of this invoice's payment."""
        if told.told_code not in document.paid_totals:
            theirs = "no such payment response"
        elif document.paid_totals[told.told_code] != told.told_total:
            theirs = str(document.paid_totals[told.told_code])
        else:
            return True
        self._differ(
            stored,
            "PAYMENT",
            f"paid {told.told_total}",
            theirs,
            "correct the payment of the invoice in Basware",
        )
        return False

    def _check_unknown(self, invoice_ids: Iterable[str], theirs: dict[str, _Transferred]) -> None:
        """Transferred in Basware, but not by a posting that our store knows."""
        if self._day is not None:
            return
        unknown = sorted(invoice_ids)
        with self._connector.store.read() as connection:
            known = invoices.get_many(connection, self._company.syspro_company, unknown)
        for invoice_id in unknown:
            stored, transferred = known.get(invoice_id), theirs[invoice_id]
            if stored is None and self._answered_by_us(invoice_id, transferred):
                self._add(
                    invoice_id,
                    "FORGOTTEN",
                    "unknown",
                    f"answered by this connector with voucher {transferred.voucher}",
                    "the state store is older than this answer: was it restored from a backup?",
                )
            elif stored is not None and not stored.voucher:
                self._differ(
                    stored,
                    "TRANSFERRED_WITHOUT_US",
                    stored.state.value,
                    transferred.status,
                    "find out which system answered for it",
                )

    def _answered_by_us(self, invoice_id: str, transferred: _Transferred) -> bool:
        ours = {
            response_code(self._company.syspro_company, invoice_id, "transfer", generation)
            for generation in range(1, MOST_ANSWERS + 1)
        }
        return not ours.isdisjoint(transferred.answers)

    def _check_vouchers(self, stored: Iterable[StoredInvoice]) -> None:
        """No two invoices may stand for one posting (invariant I1)."""
        owners: dict[tuple[str, str], str] = {}
        for one in stored:
            key = (one.supplier, one.number.strip())
            if key in owners:
                self._differ(
                    one, "ONE_POSTING_TWICE", one.invoice_id, owners[key], "two invoices claim one posting"
                )
            owners[key] = one.invoice_id

    def _differ(self, stored: StoredInvoice, kind: str, ours: str, theirs: str, remedy: str) -> None:
        self._add(f"{stored.supplier} {stored.number}", kind, ours, theirs, remedy)

    def _add(self, key: str, kind: str, ours: str, theirs: str, remedy: str) -> None:
        self._differences.append(Difference(self._company.syspro_company, key, kind, ours, theirs, remedy))


def _in_currency_of(stored: StoredInvoice, intent: Intent | None, entry: LedgerEntry | None) -> Decimal:
    """What SYSPRO holds, told in the invoice's currency and sign: a journal is kept in the local currency."""
    if entry is None:
        return Decimal(0)
    if intent is not None and intent.gross != stored.gross and entry.amounts_to(intent.gross):
        return stored.gross or Decimal(0)
    return (
        entry.currency_value
        if entry.value != stored.gross and entry.currency_value == stored.gross
        else entry.value
    )


def _transferred(document: AccountingDocument) -> _Transferred:
    return _Transferred(
        document.processing_status,
        document.gross_sum or Decimal(0),
        document.voucher_number1 or "",
        frozenset(answer.external_code for answer in document.transfer_responses),
        {given.external_code: given.paid_total for given in document.payment_responses},
    )
