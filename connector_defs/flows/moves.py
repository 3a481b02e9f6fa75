"""How a lane moves invoices: every write under the lane's lease, so that one that lost it touches no row.

Belongs here: the moves that posting, settling and recovery share, with the words people read. Not here: when which
of them is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Connection

from connector_defs.domain.intents import Intent
from connector_defs.domain.planning.periods import PERIOD_CLOSED
from connector_defs.domain.states import State
from connector_defs.flows.backoff import backoff
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import Verdict, judge
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices
from connector_defs.store.invoices import StoredInvoice
from connector_defs.store.leases import Lease
from connector_defs.syspro.documents.apstin import GlJournal

# Posted, as a look-up said: Basware may have changed the invoice while nobody knew.
FOUND_AGAIN = "FOUND_AGAIN"
# Why an invoice is uncertain, where SYSPRO named a closed period without a reply.
PERIOD_REFUSED = "PERIOD_REFUSED"


@dataclass
class LaneCount:
    """What the lane did in this run."""

    posted: int = 0
    requests: int = 0


class LaneMoves:
    """Moves invoices of one company under one lane's lease, in the caller's transactions."""

    def __init__(self, connector: Connector, company: CompanySettings, lease: Lease) -> None:
        self.connector = connector
        self.company = company
        self.lease = lease
        self.count = LaneCount()
        # What is posted and what is read back move on two threads.
        self._counting = Lock()

    def move(
        self,
        connection: Connection,
        stored: StoredInvoice,
        new: State,
        *,
        detail: Mapping[str, object] | None = None,
        **changes: object,
    ) -> StoredInvoice:
        """Move it. Raises LostRace where it was moved meanwhile, LeaseLost where the lane is another's."""
        return invoices.move(
            connection,
            stored,
            new,
            self.connector.clock.now(),
            lease=self.lease,
            changes=changes,
            detail=detail,
        )

    def found(
        self,
        connection: Connection,
        stored: StoredInvoice,
        entry: LedgerEntry,
        how: str,
        *,
        in_doubt: bool = False,
        own_texts: bool = False,
        planned: Intent | None = None,
    ) -> None:
        """The document stands in SYSPRO: posted by us, posted by us otherwise than meant, or by somebody else.

        `planned` is what would be posted now: the invoice may have changed since an attempt that took effect after all.
        """
        intent = Intent.read(stored.intent)
        verdict, differences = judge(entry, stored, intent, in_doubt=in_doubt, own_texts=own_texts)
        if verdict is Verdict.OURS and intent is not None and planned is not None:
            differences = entry.differences(planned)
            verdict = Verdict.DIFFERENT if differences else verdict
        match verdict:
            case Verdict.OURS:
                self.posted(connection, stored, entry, how, code=FOUND_AGAIN)
            case Verdict.DIFFERENT:
                self.move(connection, stored, State.NEEDS_REVIEW, **otherwise(entry, stored, differences))
            case Verdict.FOREIGN:
                self.move(connection, stored, State.NEEDS_REVIEW, **_in_the_way(entry, stored))

    def posted(
        self,
        connection: Connection,
        stored: StoredInvoice,
        entry: LedgerEntry,
        how: str,
        journal: GlJournal | None = None,
        *,
        code: str = "",
    ) -> None:
        """It was read in SYSPRO's ledger (invariant I4)."""
        failed = journal is not None and journal.failed
        self.move(
            connection,
            stored,
            State.POSTED,
            code=code,
            voucher=entry.voucher,
            reference=entry.reference or stored.reference,
            gl_journal=_journal_text(journal) or stored.gl_journal,
            gl_problem=f"{journal.error} {journal.message}".strip() or "the GL journal failed"
            if journal is not None and failed
            else stored.gl_problem,
            detail={"how": how, "journal": entry.journal, "entry": entry.entry},
        )
        with self._counting:
            self.count.posted += 1

    def to_review(self, stored: StoredInvoice, code: str, reason: str) -> None:
        """A person must look."""
        with self.connector.store.write() as connection:
            self.move(
                connection,
                stored,
                State.NEEDS_REVIEW,
                code=code,
                reason=reason,
                remedy="correct the cause in SYSPRO, Basware or the mapping, then `connector queue retry`",
            )

    def park(self, connection: Connection, stored: StoredInvoice, said: str) -> None:
        """The period is closed: that costs no attempt, and goes on when it is opened or another is chosen."""
        self.move(
            connection,
            stored,
            State.NEEDS_REVIEW,
            attempts=stored.attempts - 1,
            code=PERIOD_CLOSED,
            reason=f"SYSPRO refuses the posting period: {said}",
            remedy="open the period in SYSPRO, which lets it go on by itself, or `connector queue period` to "
            "choose another",
        )

    def not_seen(self, connection: Connection, stored: StoredInvoice, why: str) -> None:
        """Confirmed by SYSPRO and not to be seen: it waits until it is, and is never posted again."""
        self.move(
            connection,
            stored,
            State.UNCERTAIN,
            next_attempt_at=self.after_quarantine(),
            code="NOT_READ_BACK",
            reason=f"SYSPRO confirmed voucher {stored.voucher}, but it cannot be read back yet: {why}",
            remedy="if it stays so, check the voucher in SYSPRO and the rights of the OData user on ApInvoice",
        )

    def after_quarantine(self, since: datetime | None = None) -> datetime:
        """When SYSPRO is surely through with whatever it was doing at `since`, or now."""
        return quarantine_end(self.connector, since or self.connector.clock.now())

    def next_attempt(self, attempts: int) -> datetime:
        """When the next attempt is due."""
        timing = self.connector.settings.timing
        return self.connector.clock.now() + backoff(
            attempts, timing.retry_base_seconds, timing.retry_max_seconds
        )


def quarantine_end(connector: Connector, since: datetime) -> datetime:
    """When a call sent at `since`, whose answer was lost, can no longer take effect."""
    return since + timedelta(seconds=connector.settings.timing.uncertain_quarantine_seconds)


def _journal_text(journal: GlJournal | None) -> str:
    if journal is None or not (journal.year and journal.period and journal.journal):
        return ""
    return f"{journal.year}{journal.period:02d}-{journal.journal:05d}"


def otherwise(entry: LedgerEntry, stored: StoredInvoice, differences: Sequence[str]) -> dict[str, Any]:
    """Our own posting, not as meant: its voucher is kept, so that nothing is ever posted beside it."""
    return {
        "voucher": entry.voucher,
        "code": "POSTED_DIFFERENTLY",
        "reason": f"SYSPRO holds it as voucher {entry.voucher} instead of {stored.gross} {stored.currency}: "
        + "; ".join(differences),
        "remedy": "correct the posting in SYSPRO by hand; it is never posted again",
    }


def _in_the_way(entry: LedgerEntry, stored: StoredInvoice) -> dict[str, Any]:
    return {
        "code": "DUPLICATE_IN_SYSPRO",
        "reason": f"SYSPRO already has invoice {entry.number!r} of supplier {entry.supplier!r} as voucher {entry.voucher} "
        f"over {entry.value}; this one is over {stored.gross} {stored.currency}",
        "remedy": "if it was keyed by hand, `connector queue adopt` it or reject this one in Basware; otherwise "
        "correct its number",
    }
