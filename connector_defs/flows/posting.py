"""The lane: acknowledged invoices into SYSPRO's ledger, each at most once.

For every invoice: looked up, intent written, posted, read back. What a lost answer leaves open is `uncertain`, and
`settling` alone decides on it. One lane is one SYSPRO operator under a lease, with one logon for the whole run.
Dagster's own retries are off here: only this module may repeat a post.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from connector_defs.domain.states import State
from connector_defs.flows.documents import Confirmation, SysproDocument, document_of, read_reply
from connector_defs.flows.evaluation import Prepared
from connector_defs.flows.ledger import JOURNAL_UNPOSTED
from connector_defs.flows.lookup import Found, LookUp, wanted_as_planned, wanted_of
from connector_defs.flows.moves import PERIOD_REFUSED, LaneMoves, otherwise
from connector_defs.points import reach
from connector_defs.store.invoices import LostRace, StoredInvoice
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.enet import PeriodRefused, SystemRefused
from connector_defs.syspro.session import EnetSession

# Lost answers to so many documents in a row mean that the service is ill, not the invoices.
_UNKNOWN_IN_A_ROW = 3
# So many confirmed postings are read back and answered together.
_AT_A_TIME = 10


@dataclass(frozen=True)
class Applied:
    """A posting that SYSPRO confirmed, and that has to be read back."""

    stored: StoredInvoice
    intent: Intent
    reply: Confirmation


@dataclass(frozen=True)
class _Intended:
    """A document whose intent is durable; `sure_until` (monotonic seconds) the lane is surely still ours."""

    stored: StoredInvoice
    intent: Intent
    document: SysproDocument
    sure_until: float


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
        # Confirmed and kept, but not handed over yet.
        self._noted: deque[Applied] = deque()

    def post(self, batch: Sequence[Prepared]) -> Iterator[list[Applied]]:
        """Post a batch; what SYSPRO confirmed comes a few at a time, to be read back beside the next posts.

        While SYSPRO works on one document, a desk writes: the last confirmation first, then the next intent. So no
        post waits for the disk, and none is sent before its own intent is durable.
        Raises LaneBlocked where SYSPRO as a whole refuses; what was not attempted keeps its state.
        """
        found = self._look_up.find(
            [wanted_as_planned(prepared.stored, prepared.posting) for prepared in batch], with_lines=True
        )
        reach("posting.looked_up")
        if any(there.entry is None for there in found.values()):
            # What refuses the logon must not have touched a document.
            self._session.open()
        absent = self._absent(batch, found)
        with ThreadPoolExecutor(1, "desk") as desk:
            ahead, noting = desk.submit(self._next_intent, absent), desk.submit(_nothing)
            try:
                while (current := ahead.result()) is not None:
                    ahead = desk.submit(self._next_intent, absent)
                    confirmed = self._post_one(current)
                    noting.result()
                    if confirmed is not None:
                        noting = desk.submit(self._note, confirmed)
                    if len(self._noted) >= _AT_A_TIME:
                        yield self.handed_over()
                noting.result()
            except (ConnectorError, GeneratorExit):
                self._take_back(ahead)
                raise
        yield self.handed_over()

    def handed_over(self) -> list[Applied]:
        """What SYSPRO confirmed and nobody has taken yet."""
        return [self._noted.popleft() for _ in range(len(self._noted))]

    def _absent(
        self, batch: Sequence[Prepared], found: Mapping[str, Found]
    ) -> Iterator[tuple[Prepared, Intent, SysproDocument]]:
        """What SYSPRO does not hold yet, each with its document; the others are moved where they belong."""
        for prepared in batch:
            there = found[prepared.stored.invoice_id]
            if there.entry is not None:
                with suppress(LostRace), self._connector.store.write() as connection:
                    how = "already in SYSPRO under our own reference"
                    planned = Intent.of(prepared.posting)
                    self._moves.found(connection, prepared.stored, there.entry, how, planned=planned)
                continue
            try:
                document = document_of(prepared.posting)
            except ValueError as flaw:
                told = f"no SYSPRO document can be made of it: {flaw}"
                with suppress(LostRace):
                    self._moves.to_review(prepared.stored, "DOCUMENT_INVALID", told)
                continue
            yield prepared, Intent.of(prepared.posting, there.vouchers), document

    def _next_intent(self, absent: Iterator[tuple[Prepared, Intent, SysproDocument]]) -> _Intended | None:
        """The next document that may be sent, its intent durable; None where none is left."""
        for prepared, intent, document in absent:
            try:
                stored = self._intend(prepared, intent)
            except LostRace:
                # A person, or a change in Basware, was faster: nothing is sent, and the next look takes it up.
                continue
            if stored is not None:
                sure_until = time.monotonic() + self._moves.lease.seconds / 3
                return _Intended(stored, intent, document, sure_until)
        return None

    def _take_back(self, ahead: Future[_Intended | None]) -> None:
        """An intent whose document will not be sent now: the attempt does not count."""
        with suppress(ConnectorError):
            intended = ahead.result()
            if intended is not None:
                self._give_back(intended.stored, "the lane stopped before it was sent")

    def _post_one(self, current: _Intended) -> Applied | None:
        reach("posting.intent_written")
        answer = self._send(current)
        if answer is None:
            return None
        self._unknown.clear()
        self._refused.clear()
        if isinstance(answer, Rejection):
            self._rejected(current.stored, current.intent, answer)
            return None
        return Applied(current.stored, current.intent, answer)

    def _intend(self, prepared: Prepared, intent: Intent) -> StoredInvoice | None:
        """Write down what is about to be sent, and count the attempt: it counts even if the worker dies in it."""
        stored, posting = prepared.stored, prepared.posting
        attempts = stored.attempts + 1
        with self._connector.store.write() as connection:
            if attempts > self._connector.settings.posting.max_attempts:
                self._moves.move(
                    connection,
                    stored,
                    State.DEAD,
                    code="ATTEMPTS_USED_UP",
                    reason=f"{stored.attempts} attempts without an outcome; the last: {stored.reason or 'no reason'}",
                    remedy="find the cause, then `connector queue revive`",
                )
                return None
            return self._moves.move(
                connection,
                stored,
                State.POSTING,
                attempts=attempts,
                fingerprint=posting.fingerprint,
                reference=posting.reference,
                intent=intent.text,
                detail={"attempt": attempts, "document": _told(posting)},
            )

    def _send(self, current: _Intended) -> Confirmation | Rejection | None:
        """One call, once. None where there is no answer to go by; the invoice was moved accordingly."""
        stored, document = current.stored, current.document
        if time.monotonic() > current.sure_until:
            # We slept over our intent, and the lane may be another's by now: LeaseLost ends it here.
            self._connector.leases.renew(self._moves.lease)
        self._moves.count.requests += 1
        try:
            text = self._session.post(
                document.business_object, document.parameters, document.xml_in, before_repeat=_look_first
            ).text
            reach("posting.answered")
            return read_reply(document, current.intent, text)
        except PeriodRefused as refused:
            # No sign that the service is ill, however many documents meet it.
            self._uncertain(stored, PERIOD_REFUSED, str(refused))
            return None
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
            self._give_back(stored, str(refused))
            raise
        except (RetryLater, Fatal) as blocked:
            self._give_back(stored, str(blocked))
            raise

    def _give_back(self, stored: StoredInvoice, reason: str) -> None:
        """The lane as a whole is refused: the attempt does not count, and the look-up comes before the next."""
        with self._connector.store.write() as connection:
            self._moves.move(
                connection,
                stored,
                State.ACKNOWLEDGED,
                attempts=stored.attempts - 1,
                next_attempt_at=self._moves.next_attempt(stored.attempts),
                code="LANE_BLOCKED",
                reason=reason,
                remedy="nothing to do: it goes on when SYSPRO lets the operator in",
            )

    def _note(self, confirmed: Applied) -> None:
        """SYSPRO's confirmation, kept at once: whatever a look-up says later, this is never posted again."""
        with self._connector.store.write() as connection:
            moved = self._moves.move(
                connection,
                confirmed.stored,
                State.POSTING,
                voucher=confirmed.reply.voucher,
                detail={"note": "confirmed"},
            )
        reach("posting.confirmed")
        self._noted.append(replace(confirmed, stored=moved))

    def _lost(self, stored: StoredInvoice, reason: str) -> None:
        """No answer to go by. So many in a row stop the lane."""
        self._uncertain(stored, "ANSWER_LOST", reason)
        self._unknown.add(stored.invoice_id)
        if len(self._unknown) >= _UNKNOWN_IN_A_ROW:
            lost = len(self._unknown)
            self._unknown.clear()
            raise LaneBlocked(f"{lost} answers in a row were lost; the lane pauses. Last: {reason}")

    def _uncertain(self, stored: StoredInvoice, code: str, reason: str) -> None:
        """The call may have posted. Quarantined longer than the server may still be at work, then looked up."""
        with self._connector.store.write() as connection:
            self._moves.move(
                connection,
                stored,
                State.UNCERTAIN,
                next_attempt_at=self._moves.after_quarantine(),
                code=code,
                reason=reason,
                remedy="nothing to do: a look-up in SYSPRO decides",
            )

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
        if any(error.of_period for error in rejection.errors):
            with self._connector.store.write() as connection:
                self._moves.park(connection, stored, str(rejection))
            return
        self._moves.to_review(stored, "SYSPRO_REFUSED", f"SYSPRO refuses the document: {rejection}")

    def read_back(self, applied: Sequence[Applied]) -> list[str]:
        """Only what can be read in SYSPRO's ledger, and is what was meant, counts as posted (invariants I2, I4).

        Returns the ids of those. May run beside `post`.
        """
        if not applied:
            return []
        try:
            found = self._look_up.find(
                [wanted_of(one.stored, one.intent, one.intent.mode) for one in applied], with_lines=True
            )
            reach("posting.read_back")
        except RetryLater as unseen:
            with self._connector.store.write() as connection:
                for one in applied:
                    with suppress(LostRace):
                        self._moves.not_seen(connection, one.stored, str(unseen))
            return []
        with self._connector.store.write() as connection:
            posted = [one for one in applied if self._stands(connection, one, found[one.stored.invoice_id])]
        reach("posting.posted")
        return [one.stored.invoice_id for one in posted]

    def _stands(self, connection: Connection, one: Applied, found: Found) -> bool:
        """Move what was read back; True where it is posted as it was meant."""
        entry = found.entry
        differences = entry.differences(one.intent) if entry is not None else []
        if one.reply.unposted and JOURNAL_UNPOSTED not in differences:
            differences.append(JOURNAL_UNPOSTED)
        try:
            if entry is None:
                why = "; ".join(["the look-up does not find it", *differences])
                self._moves.not_seen(connection, one.stored, why)
            elif differences:
                changes = otherwise(entry, one.stored, differences)
                self._moves.move(connection, one.stored, State.NEEDS_REVIEW, **changes)
            else:
                self._moves.posted(connection, one.stored, entry, "read back", one.reply.gl_journal)
        except LostRace:
            # Another worker, or a person, was faster: what that one wrote stands.
            return False
        return entry is not None and not differences


def _nothing() -> None:
    """What the desk has to keep before the first confirmation."""


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
