"""The lane: acknowledged invoices into SYSPRO's ledger, each at most once.

For every invoice: intent written, then posted, then read back. What a lost answer left open is `uncertain`, and
only a look-up decides on it; nothing is ever posted from there. One lane is one SYSPRO operator under a lease,
with one logon for the whole run. Dagster's own retries are off here: only this module may repeat a post.
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector_defs.domain.errors import (
    ConnectorError,
    Fatal,
    LaneBlocked,
    OutcomeUnknown,
    RecordRefused,
    RetryLater,
)
from connector_defs.domain.invoices import Posting
from connector_defs.domain.keys import is_posting_reference
from connector_defs.domain.states import State
from connector_defs.flows.documents import SysproDocument, document_of
from connector_defs.flows.evaluation import Prepared
from connector_defs.flows.ledger import LedgerEntry, find_entries, voucher_number
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import invoices
from connector_defs.store.invoices import LostRace, StoredInvoice
from connector_defs.store.leases import Lease
from connector_defs.syspro.documents import apstin
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.enet import SystemRefused
from connector_defs.syspro.session import EnetSession

# So many lost answers in a row mean that the service is ill, not the invoices.
_UNKNOWN_IN_A_ROW = 3


@dataclass
class LaneCount:
    """What the lane did in this run."""

    posted: int = 0
    requests: int = 0
    posted_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Applied:
    stored: StoredInvoice
    posting: Posting
    reply: apstin.ApPosting


class Lane:
    """Posts for one company under one operator. The caller holds `lease` and enters `session`."""

    def __init__(
        self, connector: Connector, company: CompanySettings, lease: Lease, session: EnetSession
    ) -> None:
        self._connector = connector
        self._company = company
        self._lease = lease
        self._session = session
        self._timing = connector.settings.timing
        self._unknown_in_a_row = self._refused_in_a_row = 0
        self.count = LaneCount()

    def recover(self) -> None:
        """What a dead worker left in `posting` may or may not have posted: only a look-up may decide."""
        quarantine = timedelta(seconds=self._timing.uncertain_quarantine_seconds)
        with self._connector.store.write() as connection:
            dead = invoices.in_states(connection, self._company.syspro_company, {State.POSTING})
            if dead:
                reach("recovery.found")
            for stored in dead:
                self._move(
                    connection,
                    stored,
                    State.UNCERTAIN,
                    next_attempt_at=stored.updated_at + quarantine,
                    code="CRASHED",
                    reason="the worker stopped between the intent and the answer",
                    remedy="nothing to do: a look-up in SYSPRO decides",
                )
        if dead:
            reach("recovery.moved")

    def settle_uncertain(self) -> None:
        """Look up every uncertain invoice whose quarantine is over. A failing look-up leaves it uncertain."""
        now = self._connector.clock.now()
        with self._connector.store.read() as connection:
            due = invoices.in_states(connection, self._company.syspro_company, {State.UNCERTAIN}, due=now)
            references = invoices.references_of_posted(connection, self._company.syspro_company)
        own_texts = any(not is_posting_reference(reference) for reference in references)
        size = self._connector.settings.posting.batch_size
        for start in range(0, len(due), size):
            batch = due[start : start + size]
            found = self._look_up(batch)
            reach("uncertain.looked_up")
            with self._connector.store.write() as connection:
                for stored in batch:
                    entry = found.get(_key(stored))
                    with suppress(LostRace):
                        self._settle(connection, stored, entry, own_texts=own_texts)
            reach("uncertain.settled")

    def _settle(
        self, connection: Connection, stored: StoredInvoice, entry: LedgerEntry | None, *, own_texts: bool
    ) -> None:
        if entry is not None:
            if entry.came_of(stored, own_texts=own_texts):
                self._posted(connection, stored, entry, "found by look-up")
            else:
                self._found(connection, stored, entry, "found by look-up")
            return
        if stored.voucher:
            self._not_seen(connection, stored, "the look-up does not find it")
            return
        self._move(
            connection,
            stored,
            State.ACKNOWLEDGED,
            next_attempt_at=self._next_attempt(stored.attempts),
            reason="the look-up says it is not in SYSPRO; it is posted again",
        )

    def _found(self, connection: Connection, stored: StoredInvoice, entry: LedgerEntry, how: str) -> None:
        """The number stands in SYSPRO: posted by us, posted by us otherwise than meant, or by somebody else."""
        if not entry.is_by(stored):
            self._move(connection, stored, State.NEEDS_REVIEW, **_in_the_way(entry, stored))
        elif entry.amounts_to(stored.gross):
            self._posted(connection, stored, entry, how)
        else:
            self._move(connection, stored, State.NEEDS_REVIEW, **_otherwise(entry, stored))

    def post(self, batch: Sequence[Prepared]) -> list[str]:
        """Post a batch and read it back; returns the ids that now stand in SYSPRO.

        Raises LaneBlocked where SYSPRO as a whole refuses; what was not attempted keeps its state.
        """
        found = self._look_up([prepared.stored for prepared in batch])
        reach("posting.looked_up")
        applied: list[_Applied] = []
        before = len(self.count.posted_ids)
        try:
            for prepared in batch:
                entry = found.get(_key(prepared.stored))
                if entry is not None:
                    self._already_there(prepared.stored, entry)
                    continue
                done = self._post_one(prepared)
                if done is not None:
                    applied.append(done)
        finally:
            self._read_back(applied)
        reach("posting.posted")
        return self.count.posted_ids[before:]

    def _look_up(self, batch: Sequence[StoredInvoice]) -> dict[tuple[str, str], LedgerEntry]:
        return find_entries(self._connector.odata(self._company), [_key(stored) for stored in batch])

    def _already_there(self, stored: StoredInvoice, entry: LedgerEntry) -> None:
        with suppress(LostRace), self._connector.store.write() as connection:
            self._found(connection, stored, entry, "already in SYSPRO under our own reference")

    def _post_one(self, prepared: Prepared) -> _Applied | None:
        posting = prepared.posting
        try:
            document = document_of(posting)
        except ValueError as flaw:
            self._to_review(
                prepared.stored, "DOCUMENT_INVALID", f"no SYSPRO document can be made of it: {flaw}"
            )
            return None
        # What refuses the logon must not have touched a document.
        self._session.open()
        try:
            stored = self._intend(prepared)
        except LostRace:
            # A person, or a change in Basware, was faster: nothing was sent, and the next look takes it up.
            return None
        reach("posting.intent_written")
        answer = self._send(stored, document) if stored else None
        if stored is None or answer is None:
            return None
        self._unknown_in_a_row = self._refused_in_a_row = 0
        if isinstance(answer, Rejection):
            self._rejected(stored, answer)
            return None
        noted = self._noted(stored, answer)
        reach("posting.confirmed")
        return _Applied(noted, posting, answer)

    def _send(self, stored: StoredInvoice, document: SysproDocument) -> apstin.ApPosting | Rejection | None:
        """One call, once. None where there is no answer to go by; the invoice was moved accordingly."""
        self.count.requests += 1
        try:
            text = self._session.post(
                document.business_object, document.parameters, document.xml_in, before_repeat=_look_first
            ).text
            reach("posting.answered")
            return apstin.read(text)
        except OutcomeUnknown as unknown:
            self._lost(stored, str(unknown))
            return None
        except RecordRefused as refused:
            self._to_review(stored, refused.code.upper(), str(refused))
            return None
        except SystemRefused as refused:
            self._refused_in_a_row += 1
            if self._refused_in_a_row == 1:
                # It may be this document alone, and may have posted: looked up, and counted as an attempt.
                self._lost(stored, str(refused))
                return None
            self._give_back(stored, refused)
            raise
        except (RetryLater, Fatal) as blocked:
            self._give_back(stored, blocked)
            raise

    def _give_back(self, stored: StoredInvoice, blocked: ConnectorError) -> None:
        """The lane as a whole is refused: the attempt does not count, and the look-up comes before the next."""
        with self._connector.store.write() as connection:
            self._move(
                connection,
                stored,
                State.ACKNOWLEDGED,
                attempts=stored.attempts - 1,
                next_attempt_at=self._next_attempt(stored.attempts),
                code="LANE_BLOCKED",
                reason=str(blocked),
                remedy="nothing to do: it goes on when SYSPRO lets the operator in",
            )

    def _noted(self, stored: StoredInvoice, reply: apstin.ApPosting) -> StoredInvoice:
        """SYSPRO's confirmation, kept at once: whatever a look-up says later, this is never posted again."""
        voucher = voucher_number(reply.trn_year, reply.trn_month, reply.journal, reply.entry_number)
        with self._connector.store.write() as connection:
            return self._move(
                connection, stored, State.POSTING, voucher=voucher, detail={"note": "confirmed"}
            )

    def _intend(self, prepared: Prepared) -> StoredInvoice | None:
        stored, posting = prepared.stored, prepared.posting
        attempts = stored.attempts + 1
        with self._connector.store.write() as connection:
            if attempts > self._connector.settings.posting.max_attempts:
                self._move(
                    connection,
                    stored,
                    State.DEAD,
                    code="ATTEMPTS_USED_UP",
                    reason=f"{stored.attempts} attempts without an outcome",
                    remedy="find the cause, then `connector queue retry`",
                )
                return None
            return self._move(
                connection,
                stored,
                State.POSTING,
                attempts=attempts,
                fingerprint=posting.fingerprint,
                reference=posting.reference,
                detail={
                    "attempt": attempts,
                    "document": {
                        "supplier": posting.supplier,
                        "invoice": posting.number,
                        "type": posting.kind,
                        "gross": posting.gross,
                        "currency": posting.currency,
                        "rows": [[row.ledger_code, row.value, row.tax_only] for row in posting.rows],
                        "receipts": [[row.receipt, row.match, row.value] for row in posting.receipts],
                        "remarks": posting.remarks,
                    },
                },
            )

    def _lost(self, stored: StoredInvoice, reason: str) -> None:
        """The call may have posted. Quarantined longer than the server may still be at work, then looked up."""
        wait = self._timing.uncertain_quarantine_seconds
        with self._connector.store.write() as connection:
            self._move(
                connection,
                stored,
                State.UNCERTAIN,
                next_attempt_at=self._connector.clock.now() + timedelta(seconds=wait),
                code="ANSWER_LOST",
                reason=reason,
                remedy="nothing to do: a look-up in SYSPRO decides",
            )
        self._unknown_in_a_row += 1
        if self._unknown_in_a_row >= _UNKNOWN_IN_A_ROW:
            raise LaneBlocked(
                f"{self._unknown_in_a_row} answers in a row were lost; the lane pauses. Last: {reason}"
            )

    def _rejected(self, stored: StoredInvoice, rejection: Rejection) -> None:
        if any(error.element.lower() == "invoice" and not error.warning for error in rejection.errors):
            # SYSPRO may know this number though the look-up did not: it may be our own, so look again.
            try:
                entry = self._look_up([stored]).get(_key(stored))
            except RetryLater as unseen:
                self._lost(stored, f"SYSPRO says: {rejection}; the look-up failed: {unseen}")
                return
            if entry is not None:
                with self._connector.store.write() as connection:
                    self._found(connection, stored, entry, "found after SYSPRO refused the number")
                return
        self._to_review(stored, "SYSPRO_REFUSED", f"SYSPRO refuses the document: {rejection}")

    def _to_review(self, stored: StoredInvoice, code: str, reason: str) -> None:
        with self._connector.store.write() as connection:
            self._move(
                connection,
                stored,
                State.NEEDS_REVIEW,
                code=code,
                reason=reason,
                remedy="correct the cause in SYSPRO, Basware or the mapping, then `connector queue retry`",
            )

    def _read_back(self, applied: list[_Applied]) -> None:
        """Only what can be read in SYSPRO's ledger counts as posted (invariant I4)."""
        if not applied:
            return
        try:
            found = self._look_up([one.stored for one in applied])
            reach("posting.read_back")
        except RetryLater as unseen:
            with self._connector.store.write() as connection:
                for one in applied:
                    self._not_seen(connection, one.stored, str(unseen))
            return
        with self._connector.store.write() as connection:
            for one in applied:
                entry = found.get(_key(one.stored))
                if entry is None:
                    self._not_seen(connection, one.stored, "the look-up does not find it")
                elif not entry.amounts_to(one.posting.gross):
                    self._move(connection, one.stored, State.NEEDS_REVIEW, **_otherwise(entry, one.stored))
                else:
                    self._posted(connection, one.stored, entry, "read back", one.reply)

    def _not_seen(self, connection: Connection, stored: StoredInvoice, why: str) -> None:
        """Confirmed by SYSPRO and not to be seen: it waits until it is, and is never posted again."""
        self._move(
            connection,
            stored,
            State.UNCERTAIN,
            next_attempt_at=self._connector.clock.now()
            + timedelta(seconds=self._timing.uncertain_quarantine_seconds),
            code="NOT_READ_BACK",
            reason=f"SYSPRO confirmed voucher {stored.voucher}, but it cannot be read back yet: {why}",
            remedy="if it stays so, check the voucher in SYSPRO and the rights of the OData user on ApInvoice",
        )

    def _posted(
        self,
        connection: Connection,
        stored: StoredInvoice,
        entry: LedgerEntry,
        how: str,
        reply: apstin.ApPosting | None = None,
    ) -> None:
        journal = reply.gl_journal if reply else None
        self._move(
            connection,
            stored,
            State.POSTED,
            voucher=entry.voucher,
            reference=entry.reference or stored.reference,
            gl_journal=f"{journal.year}{journal.period:02d}-{journal.journal:05d}"
            if journal and journal.year and journal.period and journal.journal
            else "",
            gl_problem=f"{journal.error} {journal.message}".strip() if journal and journal.failed else "",
            detail={"how": how, "journal": entry.journal, "entry": entry.entry},
        )
        self.count.posted += 1
        self.count.posted_ids.append(stored.invoice_id)

    def _move(
        self,
        connection: Connection,
        stored: StoredInvoice,
        new: State,
        *,
        detail: dict[str, object] | None = None,
        **changes: object,
    ) -> StoredInvoice:
        return invoices.move(
            connection,
            stored,
            new,
            self._connector.clock.now(),
            lease=self._lease,
            changes=changes,
            detail=detail,
        )

    def _next_attempt(self, attempts: int) -> datetime:
        return self._connector.clock.now() + backoff(
            attempts, self._timing.retry_base_seconds, self._timing.retry_max_seconds
        )


def backoff(attempts: int, base_seconds: float, max_seconds: float) -> timedelta:
    """Exponential back-off with jitter: between half and all of min(max, base x 2^(attempts-1))."""
    ceiling = min(max_seconds, base_seconds * 2.0 ** min(max(attempts - 1, 0), 30))
    return timedelta(seconds=ceiling * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret


def _look_first() -> None:
    raise OutcomeUnknown(
        "the session was evicted before the answer; the invoice is looked up before it is repeated"
    )


def _key(stored: StoredInvoice) -> tuple[str, str]:
    return stored.supplier, stored.number.strip()


def _otherwise(entry: LedgerEntry, stored: StoredInvoice) -> dict[str, Any]:
    """Our own posting over another amount: its voucher is kept, so that nothing is ever posted beside it."""
    return {
        "voucher": entry.voucher,
        "code": "POSTED_DIFFERENTLY",
        "reason": f"SYSPRO holds {entry.value} instead of {stored.gross} as voucher {entry.voucher}",
        "remedy": "correct the posting in SYSPRO by hand; it is never posted again",
    }


def _in_the_way(entry: LedgerEntry, stored: StoredInvoice) -> dict[str, Any]:
    return {
        "code": "DUPLICATE_IN_SYSPRO",
        "reason": f"SYSPRO already has invoice {entry.number!r} of supplier {entry.supplier!r} as voucher {entry.voucher} "
        f"over {entry.value}; this one is over {stored.gross} {stored.currency}",
        "remedy": "if it was keyed by hand, reject this one in Basware; otherwise correct its number",
    }
