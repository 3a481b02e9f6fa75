"""Does SYSPRO hold this document, and is it ours? The question before every post and after every lost answer.

Belongs here: how each kind of document is found again, and the verdict on what was found. Reads only, 50 keys to a
call. Not here: what follows from the verdict (`posting`).
Source: SYSPRO wire notes 2.6; for AP the key is (supplier, invoice number), for a journal its unique reference, and
for a credit note posted onto an invoice the AP journal, since its number is the original's.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.intents import CREDIT, Intent
from connector_defs.domain.invoices import Posting
from connector_defs.domain.keys import is_posting_reference, posting_reference
from connector_defs.domain.translation.context import number, text, trimmed, whole
from connector_defs.flows.credits import find_credits
from connector_defs.flows.ledger import LedgerEntry, find_entries, journal_voucher, voucher_number
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices
from connector_defs.store.invoices import StoredInvoice
from connector_defs.syspro import tables
from connector_defs.syspro.tables import Row

_log = logging.getLogger(__name__)
_EMPTY = Decimal(0)
_SEVERAL = "several of them"


@dataclass(frozen=True)
class Wanted:
    """One document to look for."""

    invoice_id: str
    supplier: str
    number: str
    reference: str
    kind: str = "I"
    mode: str = "ap"
    voucher: str = ""
    gross: Decimal | None = None
    seen: tuple[str, ...] = ()
    # It was sent once, after `seen`
    attempted: bool = False


@dataclass(frozen=True)
class Found:
    """What stands there: the document in question, if any, and every voucher under the same number."""

    entry: LedgerEntry | None
    vouchers: tuple[str, ...] = ()


def wanted_of(stored: StoredInvoice, intent: Intent | None, mode: str) -> Wanted:
    """What to look for: as the intent says, and before the first intent as the invoice says."""
    return Wanted(
        invoice_id=stored.invoice_id,
        supplier=intent.supplier if intent else stored.supplier,
        number=intent.number if intent else stored.number.strip(),
        reference=posting_reference(stored.company, stored.invoice_id),
        kind=intent.kind if intent else "I",
        mode=intent.mode if intent else mode,
        voucher=stored.voucher,
        gross=intent.gross if intent else stored.gross,
        seen=intent.seen if intent else (),
        attempted=intent is not None,
    )


def wanted_as_planned(stored: StoredInvoice, posting: Posting) -> Wanted:
    """What to look for: the document as it would be posted now."""
    intent = Intent.of(posting)
    return replace(wanted_of(stored, intent, intent.mode), attempted=False)


def standing(connector: Connector, company: CompanySettings, stored: StoredInvoice) -> LedgerEntry | None:
    """What stands in SYSPRO under the number of one invoice. Raises RetryLater where SYSPRO cannot be asked."""
    wanted = wanted_of(stored, Intent.read(stored.intent), company.posting_mode)
    if not (wanted.supplier and wanted.number):
        return None
    return LookUp(connector, company).find([wanted])[stored.invoice_id].entry


class LookUp:
    """Finds documents of one company again."""

    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._odata = connector.odata(company)
        self._currencies = connector.settings.currencies
        self._lines_readable = True

    def find(self, wanted: Sequence[Wanted], *, with_lines: bool = False) -> dict[str, Found]:
        """By invoice id, every one of `wanted`; `with_lines` reads the distribution of what was found as well.

        Raises RetryLater where SYSPRO cannot be asked: absence is never read into a failing look-up.
        """
        found = self._invoices([one for one in wanted if one.mode == "ap" and one.kind != CREDIT])
        found |= self._credits([one for one in wanted if one.mode == "ap" and one.kind == CREDIT])
        found |= self._journals([one for one in wanted if one.mode != "ap"])
        return self._with_lines(found) if with_lines else found

    def _invoices(self, wanted: Sequence[Wanted]) -> dict[str, Found]:
        entries = find_entries(
            self._odata, [(one.supplier, one.number) for one in wanted], currencies=self._currencies
        )
        found = {}
        for one in wanted:
            entry = entries.get((one.supplier, one.number))
            found[one.invoice_id] = Found(entry, (entry.voucher,) if entry else ())
        return found

    def _credits(self, wanted: Sequence[Wanted]) -> dict[str, Found]:
        if not wanted:
            return {}
        keys = {one.invoice_id: (one.supplier, one.number) for one in wanted}
        entries = find_credits(self._odata, list(keys.values()))
        with self._connector.store.read() as connection:
            held = invoices.holders(
                connection, self._company.syspro_company, {one.supplier for one in wanted}
            )
        found = {}
        for one in wanted:
            same = entries[keys[one.invoice_id]]
            possible = [entry for entry in same if self._may_be(one, entry, held)]
            gross = one.gross or _EMPTY
            candidates = [entry for entry in possible if abs(entry.value) == abs(gross)]
            # The credit note's own reference is kept nowhere; that one is new and over our amount is the evidence.
            # Several leave it open which is ours: then it is nobody's, and a person decides.
            entry = None
            if candidates:
                reference = "" if len(candidates) == 1 else _SEVERAL
                entry = replace(candidates[0], value=gross, currency_value=gross, reference=reference)
            elif possible and one.attempted and not one.voucher and self._converts(keys[one.invoice_id]):
                # It came after we had looked, and its amount does not tell whose it is: never read as absence.
                entry = replace(possible[0], reference=_SEVERAL)
            found[one.invoice_id] = Found(entry, tuple(each.voucher for each in same))
        return found

    def _converts(self, key: tuple[str, str]) -> bool:
        """True where SYSPRO holds the invoice in two currencies: the journal's amounts may be in either."""
        entry = find_entries(self._odata, [key]).get(key)
        return entry is None or entry.currency_value not in (_EMPTY, entry.value)

    def _may_be(self, wanted: Wanted, entry: LedgerEntry, held: Mapping[str, str]) -> bool:
        if wanted.voucher:
            return entry.voucher == wanted.voucher
        return entry.voucher not in wanted.seen and held.get(entry.voucher) in (None, wanted.invoice_id)

    def _journals(self, wanted: Sequence[Wanted]) -> dict[str, Found]:
        rows = self._odata.by_keys(
            tables.GEN_JOURNAL_DETAIL, ["Reference"], [(one.reference,) for one in wanted]
        )
        by_reference: dict[str, dict[str, list[Row]]] = {}
        for row in rows:
            journal = by_reference.setdefault(trimmed(row, "Reference"), {})
            journal.setdefault(_journal_of(row), []).append(row)
        found = {}
        for one in wanted:
            journals = by_reference.get(one.reference, {})
            entry = _journal_entry(one, *next(iter(journals.items()))) if journals else None
            found[one.invoice_id] = Found(entry, tuple(journals))
        return found

    def _with_lines(self, found: dict[str, Found]) -> dict[str, Found]:
        keys = {
            (entry.year, entry.month, entry.journal, entry.entry)
            for one in found.values()
            if (entry := one.entry) is not None and entry.lines is None
        }
        if not keys or not self._lines_readable:
            return found
        columns = ["TrnYear", "TrnMonth", "Journal", "EntryNumber"]
        try:
            rows = self._odata.by_keys(tables.AP_JNL_DISTRIB, columns, sorted(keys))
        except ConnectorError as error:
            # Amount and currency decide then. It is not tried again: a refusal may cost many seconds.
            self._lines_readable = False
            _log.warning("ApJnlDistrib cannot be read, postings are compared without their lines: %s", error)
            return found
        lines: dict[str, list[tuple[str, Decimal]]] = {}
        for row in rows:
            voucher = voucher_number(*(whole(row, column) for column in columns))
            lines.setdefault(voucher, []).append((text(row, "ExpenseGlCode"), number(row, "DistrValue")))
        return {
            invoice_id: replace(
                one, entry=replace(one.entry, lines=tuple(lines.get(one.entry.voucher, ())) or None)
            )
            if one.entry is not None and one.entry.lines is None
            else one
            for invoice_id, one in found.items()
        }


def _journal_of(row: Row) -> str:
    return journal_voucher(whole(row, "GlYear"), whole(row, "GlPeriod"), whole(row, "Journal"))


def _journal_entry(wanted: Wanted, voucher: str, rows: Sequence[Row]) -> LedgerEntry:
    """One GL journal. Whether credits come negative or are marked by EntryType alone, debits are positive here."""
    lines = tuple((text(row, "GlCode"), _signed(row)) for row in rows)
    debits = sum((value for _, value in lines if value > 0), _EMPTY)
    first = rows[0]
    return LedgerEntry(
        supplier=wanted.supplier,
        number=wanted.number,
        reference=wanted.reference,
        value=wanted.gross if wanted.gross is not None and _holds(lines, wanted.gross) else debits,
        currency_value=debits,
        year=whole(first, "GlYear"),
        month=whole(first, "GlPeriod"),
        journal=whole(first, "Journal"),
        entry=0,
        lines=lines,
        journal_voucher=voucher,
        # Blank, or no such column: nothing is told.
        unposted=any(trimmed(row, "EntryPosted").upper() == "N" for row in rows),
    )


def _holds(lines: Iterable[tuple[str, Decimal]], gross: Decimal) -> bool:
    return any(abs(value) == abs(gross) for _, value in lines)


def _signed(row: Row) -> Decimal:
    value = number(row, "EntryValue")
    return -value if trimmed(row, "EntryType") == "C" and value > 0 else value


class Verdict(Enum):
    """Whose a document is."""

    OURS = "posted by us, as meant"
    DIFFERENT = "posted by us, but not as meant"
    FOREIGN = "somebody else's"


def judge(
    entry: LedgerEntry, stored: StoredInvoice, intent: Intent | None, *, in_doubt: bool, own_texts: bool
) -> tuple[Verdict, list[str]]:
    """Whose `entry` is, and in which respects it is not what was meant.

    The reference decides where it holds a marker of ours. Where the site keeps no reference, or a text of its own
    (`own_texts`), an attempt `in_doubt` that looked first and found nothing is the best explanation of a document
    over our amount; without such an attempt it is somebody else's.
    """
    differences = (
        entry.differences(intent)
        if intent is not None
        else ([] if entry.amounts_to(stored.gross) else [f"it is over {entry.value}"])
    )
    if entry.reference == posting_reference(stored.company, stored.invoice_id):
        return (Verdict.DIFFERENT if differences else Verdict.OURS), differences
    tried = intent is not None and bool(stored.fingerprint)
    foreign_mark = is_posting_reference(entry.reference) or entry.reference == _SEVERAL
    unmarked = not entry.reference or (own_texts and not foreign_mark)
    if tried and unmarked and (in_doubt or not entry.reference) and not differences:
        return Verdict.OURS, differences
    return Verdict.FOREIGN, differences
