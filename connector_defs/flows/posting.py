"""The lane: acknowledged invoices into SYSPRO's ledger, each at most once.

For every invoice: looked up, intent written, posted, read back. What a lost answer leaves open is `uncertain`, and
`settling` alone decides on it. One lane is one SYSPRO operator under a lease, with one logon for the whole run.
Dagster's own retries are off here: only this module may repeat a post.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from connector_defs.domain.errors import (
    ConnectorError,
    Fatal,
    LaneBlocked,
    OutcomeUnknown,
    RecordRefused,
    RetryLater,
)
from connector_defs.domain.intents import Intent
from connector_defs.domain.invoices import Posting
from connector_defs.domain.planning.periods import PERIOD_CLOSED
from connector_defs.domain.states import State
from connector_defs.flows.documents import Confirmation, SysproDocument, document_of, read_reply
from connector_defs.flows.evaluation import Prepared
from connector_defs.flows.ledger import LedgerEntry
from connector_defs.flows.lookup import Found, LookUp, wanted_as_planned, wanted_of
from connector_defs.flows.moves import LaneMoves, otherwise
from connector_defs.points import reach
from connector_defs.store.invoices import LostRace, StoredInvoice
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.enet import SystemRefused
from connector_defs.syspro.session import EnetSession

# Lost answers to so many documents in a row mean that the service is ill, not the invoices.
_UNKNOWN_IN_A_ROW = 3


@dataclass(frozen=True)
class _Applied:
    stored: StoredInvoice
    intent: Intent
    reply: Confirmation


class Lane:
    """Posts for one company under one operator. The caller holds the lease and enters `session`."""

    def __init__(self, moves: LaneMoves, session: EnetSession, look_up: LookUp) -> None:
        self._moves = moves
        self._connector = moves.connector
        self._session = session
        self._look_up = look_up
        # Documents since the last plain answer whose answer was lost, or that e.net itself refused.
        self._unknown: set[str] = set()
        self._refused: set[str] = set()
        self._sure_until = 0.0
        # The confirmation that is not durable yet, and those of this batch that are.
        self._confirmed: _Applied | None = None
        self._noted: list[_Applied] = []

    def post(self, batch: Sequence[Prepared]) -> list[str]:
        """Post a batch and read it back; returns the ids that now stand in SYSPRO.

        Raises LaneBlocked where SYSPRO as a whole refuses; what was not attempted keeps its state.
        """
        found = self._look_up.find(
            [wanted_as_planned(prepared.stored, prepared.posting) for prepared in batch], with_lines=True
        )
        reach("posting.looked_up")
        self._confirmed, self._noted = None, []
        before = len(self._moves.count.posted_ids)
        try:
            for prepared in batch:
                there = found[prepared.stored.invoice_id]
                if there.entry is not None:
                    self._already_there(prepared.stored, there.entry)
                else:
                    self._post_one(prepared, there)
        finally:
            self._note()
            self._read_back(self._noted)
        reach("posting.posted")
        return self._moves.count.posted_ids[before:]

    def _already_there(self, stored: StoredInvoice, entry: LedgerEntry) -> None:
        with suppress(LostRace), self._connector.store.write() as connection:
            self._moves.found(connection, stored, entry, "already in SYSPRO under our own reference")

    def _post_one(self, prepared: Prepared, there: Found) -> None:
        try:
            document = document_of(prepared.posting)
        except ValueError as flaw:
            with suppress(LostRace):
                self._moves.to_review(
                    prepared.stored, "DOCUMENT_INVALID", f"no SYSPRO document can be made of it: {flaw}"
                )
            return
        # What refuses the logon must not have touched a document.
        self._session.open()
        intent = Intent.of(prepared.posting, there.vouchers)
        try:
            stored = self._intend(prepared, intent)
        except LostRace:
            # A person, or a change in Basware, was faster: nothing was sent, and the next look takes it up.
            return
        if stored is None:
            return
        reach("posting.intent_written")
        answer = self._send(stored, document)
        if answer is None:
            return
        self._unknown.clear()
        self._refused.clear()
        if isinstance(answer, Rejection):
            self._rejected(stored, intent, answer)
        else:
            self._confirmed = _Applied(stored, intent, answer)

    def _intend(self, prepared: Prepared, intent: Intent) -> StoredInvoice | None:
        """Write down what is about to be sent, and count the attempt: it counts even if the worker dies in it."""
        stored, posting = prepared.stored, prepared.posting
        attempts = stored.attempts + 1
        with self._connector.store.write() as connection:
            noted = self._note_confirmed(connection)
            if attempts > self._connector.settings.posting.max_attempts:
                self._moves.move(
                    connection,
                    stored,
                    State.DEAD,
                    code="ATTEMPTS_USED_UP",
                    reason=f"{stored.attempts} attempts without an outcome",
                    remedy="find the cause, then `connector queue revive`",
                )
                intended = None
            else:
                intended = self._moves.move(
                    connection,
                    stored,
                    State.POSTING,
                    attempts=attempts,
                    fingerprint=posting.fingerprint,
                    reference=posting.reference,
                    intent=intent.text,
                    detail={"attempt": attempts, "document": _told(posting)},
                )
        self._keep(noted)
        self._sure_until = time.monotonic() + self._moves.lease.seconds / 3
        return intended

    def _send(self, stored: StoredInvoice, document: SysproDocument) -> Confirmation | Rejection | None:
        """One call, once. None where there is no answer to go by; the invoice was moved accordingly."""
        if time.monotonic() > self._sure_until:
            # We slept over our intent, and the lane may be another's by now: LeaseLost ends it here.
            self._connector.leases.renew(self._moves.lease)
        self._moves.count.requests += 1
        try:
            text = self._session.post(
                document.business_object, document.parameters, document.xml_in, before_repeat=_look_first
            ).text
            reach("posting.answered")
            return read_reply(document, text)
        except OutcomeUnknown as unknown:
            self._lost(stored, str(unknown))
            return None
        except RecordRefused as refused:
            self._moves.to_review(stored, refused.code.upper(), str(refused))
            return None
        except SystemRefused as refused:
            self._refused.add(stored.invoice_id)
            if len(self._refused) == 1:
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
            self._moves.move(
                connection,
                stored,
                State.ACKNOWLEDGED,
                attempts=stored.attempts - 1,
                next_attempt_at=self._moves.next_attempt(stored.attempts),
                code="LANE_BLOCKED",
                reason=str(blocked),
                remedy="nothing to do: it goes on when SYSPRO lets the operator in",
            )

    def _note(self) -> None:
        """Keep the last confirmation now."""
        if self._confirmed is not None:
            with self._connector.store.write() as connection:
                noted = self._note_confirmed(connection)
            self._keep(noted)

    def _note_confirmed(self, connection: Connection) -> _Applied | None:
        """SYSPRO's last confirmation, kept with the next intent, before anything else is sent.

        Whatever a look-up says later, what was confirmed is never posted again. One transaction for both, since
        each costs a write to the disk that SYSPRO waits for.
        """
        last = self._confirmed
        if last is None:
            return None
        moved = self._moves.move(
            connection, last.stored, State.POSTING, voucher=last.reply.voucher, detail={"note": "confirmed"}
        )
        return replace(last, stored=moved)

    def _keep(self, noted: _Applied | None) -> None:
        """The confirmation is durable."""
        if noted is not None:
            self._confirmed = None
            self._noted.append(noted)
            reach("posting.confirmed")

    def _lost(self, stored: StoredInvoice, reason: str) -> None:
        """The call may have posted. Quarantined longer than the server may still be at work, then looked up."""
        with self._connector.store.write() as connection:
            self._moves.move(
                connection,
                stored,
                State.UNCERTAIN,
                next_attempt_at=self._moves.after_quarantine(),
                code="ANSWER_LOST",
                reason=reason,
                remedy="nothing to do: a look-up in SYSPRO decides",
            )
        self._unknown.add(stored.invoice_id)
        if len(self._unknown) >= _UNKNOWN_IN_A_ROW:
            lost = len(self._unknown)
            self._unknown.clear()
            raise LaneBlocked(f"{lost} answers in a row were lost; the lane pauses. Last: {reason}")

    def _rejected(self, stored: StoredInvoice, intent: Intent, rejection: Rejection) -> None:
        if any(error.element.lower() == "invoice" and not error.warning for error in rejection.errors):
            # SYSPRO may know this number though the look-up did not: it may be our own, so look again.
            try:
                there = self._look_up.find([wanted_of(stored, intent, intent.mode)], with_lines=True)
            except RetryLater as unseen:
                self._lost(stored, f"SYSPRO says: {rejection}; the look-up failed: {unseen}")
                return
            entry = there[stored.invoice_id].entry
            if entry is not None:
                with self._connector.store.write() as connection:
                    self._moves.found(connection, stored, entry, "found after SYSPRO refused the number")
                return
        if any(error.element.lower() == "postingperiod" for error in rejection.errors):
            self._park(stored, rejection)
            return
        self._moves.to_review(stored, "SYSPRO_REFUSED", f"SYSPRO refuses the document: {rejection}")

    def _park(self, stored: StoredInvoice, rejection: Rejection) -> None:
        """The period is closed: that costs no attempt, and goes on when it is opened or another is chosen."""
        with self._connector.store.write() as connection:
            self._moves.move(
                connection,
                stored,
                State.NEEDS_REVIEW,
                attempts=stored.attempts - 1,
                code=PERIOD_CLOSED,
                reason=f"SYSPRO refuses the posting period: {rejection}",
                remedy="open the period in SYSPRO, which lets it go on by itself, or `connector queue period` to "
                "choose another",
            )

    def _read_back(self, applied: list[_Applied]) -> None:
        """Only what can be read in SYSPRO's ledger, and is what was meant, counts as posted (invariants I2, I4)."""
        if not applied:
            return
        try:
            found = self._look_up.find(
                [wanted_of(one.stored, one.intent, one.intent.mode) for one in applied], with_lines=True
            )
            reach("posting.read_back")
        except RetryLater as unseen:
            with self._connector.store.write() as connection:
                for one in applied:
                    self._moves.not_seen(connection, one.stored, str(unseen))
            return
        with self._connector.store.write() as connection:
            for one in applied:
                entry = found[one.stored.invoice_id].entry
                if entry is None:
                    self._moves.not_seen(connection, one.stored, "the look-up does not find it")
                    continue
                differences = entry.differences(one.intent)
                if differences:
                    self._moves.move(
                        connection,
                        one.stored,
                        State.NEEDS_REVIEW,
                        **otherwise(entry, one.stored, differences),
                    )
                else:
                    self._moves.posted(connection, one.stored, entry, "read back", one.reply.gl_journal)


def _look_first() -> None:
    raise OutcomeUnknown(
        "the session was evicted before the answer; the invoice is looked up before it is repeated"
    )


def _told(posting: Posting) -> dict[str, object]:
    """The document in the words of the audit event."""
    return {
        "supplier": posting.supplier,
        "invoice": posting.number,
        "type": posting.kind,
        "gross": posting.gross,
        "currency": posting.currency,
        "period": posting.period,
        "rows": [[row.ledger_code, row.value, row.tax_only] for row in posting.rows],
        "receipts": [[row.receipt, row.match, row.value] for row in posting.receipts],
        "remarks": posting.remarks,
    }
