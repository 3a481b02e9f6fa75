"""Basware is told how far invoices are paid: each change once, under an externalCode of its own.

What is to be told is durable before the call and its outcome after it. Before every call the invoice is fetched:
a response whose answer was lost stands in it, and what SYSPRO does not decide (payment block, terms, method) is
sent back as it is there, since Basware clears what a payment response leaves out (Basware wire notes 3.7).
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from connector_defs.basware.answers import ItemOutcome, Receipt
from connector_defs.basware.documents import AccountingDocument, GivenResponse
from connector_defs.basware.entities import PaymentResponse, to_wire
from connector_defs.basware.wire import decode, encode
from connector_defs.domain.errors import OutcomeUnknown, RecordRefused, RetryLater
from connector_defs.domain.payments import PaymentState
from connector_defs.flows.payment_changes import next_generation
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import payments
from connector_defs.store.leases import Lease
from connector_defs.store.payments import Change, Payment

_log = logging.getLogger(__name__)

TO_BE_PAID = frozenset({"Transferred", "Paid"})
REFUSED = "PAYMENT_REFUSED"
NOT_TAKEN = "PAYMENT_NOT_TAKEN"
OVER_LIMITS = "PAYMENT_OVER_LIMITS"
UNKNOWN_THERE = "UNKNOWN_IN_BASWARE"
WAITS = "PAYMENT_WAITS"
REFUSED_REMEDY = (
    "correct the cause in Basware; it is told again a day later, or at once by `connector sync payments --date DAY` with "
    "an earlier day"
)
_WAITS_REMEDY = "nothing to do: it is told with the next run"
_ROUNDS = 3
# So many payments in a row without an answer: Basware is away, and the rest waits for the next run.
_AWAY_AFTER = 5
_TAKEN = frozenset({"Success", "NotProcessed", "Warning"})
# A response without an outcome for so long is judged by whether the invoice shows it.
_FORGOTTEN_AFTER = timedelta(days=1)


class PaymentTeller:
    """Tells Basware the planned payments of one company, under its lease."""

    def __init__(self, connector: Connector, company: CompanySettings, lease: Lease) -> None:
        self._connector = connector
        self._company = company
        self._lease = lease
        self._unanswered = 0
        self._counting = threading.Lock()
        self.told: list[Payment] = []
        self.outage = ""

    def tell(self) -> None:
        """Tell whatever is planned; what got no answer is looked at once more before it is left to the next run."""
        for round_ in range(_ROUNDS):
            planned = [one for one in self._in_state("planned") if not round_ or one.code == NOT_TAKEN]
            if not planned or self.outage:
                return
            if round_:
                self._connector.clock.wait(self._connector.settings.timing.retry_base_seconds)
            self._side_by_side(self._tell_one, planned)

    def confirm(self) -> int:
        """Ask what became of the answered ones; returns how many are still open."""
        answered = self._in_state("answered")
        self._side_by_side(self._confirm_one, answered)
        return len(self._in_state("answered"))

    def _in_state(self, state: str) -> list[Payment]:
        with self._connector.store.read() as connection:
            return payments.in_states(connection, {state}, self._company.syspro_company)

    def _side_by_side(self, work: Callable[[Payment], None], batch: Sequence[Payment]) -> None:
        with ThreadPoolExecutor(
            self._connector.settings.basware.max_parallel, thread_name_prefix="payments"
        ) as pool:
            for _ in pool.map(work, batch):
                pass

    def _tell_one(self, planned: Payment) -> None:
        if self.outage:
            return
        current = planned
        try:
            document = self._connector.basware.document(planned.invoice_id)
            if document is None:
                self._refuse(planned, UNKNOWN_THERE, "Basware does not know the invoice any more")
                return
            given = _given(document, planned.external_code)
            if given is not None:
                self._found(planned, given)
                return
            if document.processing_status not in TO_BE_PAID:
                self._wait(planned, f"Basware shows the invoice as {document.processing_status}")
                return
            intended = self._intend(planned, document)
            if intended is None:
                self._wait(planned, "the invoice is being transferred again")
                return
            current = intended
            self._send(intended)
        except RetryLater as error:
            self._no_answer(str(error))
            self._wait(current, str(error))
        except RecordRefused as error:
            self._refuse(current, error.code.upper(), str(error))

    def _intend(self, planned: Payment, document: AccountingDocument) -> Payment | None:
        """Make what is about to be sent durable; None where the invoice is not responded at this moment.

        A response that may have been sent before is sent again exactly as it was.
        """
        body = planned.body or self._body(planned, document)
        intended = replace(planned, body=body, attempts=planned.attempts + 1, updated_at=self._now())
        detail = {
            "external_code": intended.external_code,
            "generation": intended.generation,
            "attempt": intended.attempts,
            "body_digest": hashlib.sha256(body.encode()).hexdigest(),
        }
        with self._connector.store.write() as connection:
            if not payments.may_be_told(connection, planned):
                return None
            change = Change(intended, "payment intended", detail)
            payments.save(connection, self._lease, [change], intended.updated_at)
        reach("payment.intended")
        return intended

    def _body(self, planned: Payment, document: AccountingDocument) -> str:
        """The response as it goes out, every field in it: one that is empty is sent empty."""
        state = PaymentState.of_text(planned.facts)
        try:
            response = PaymentResponse(
                external_code=planned.external_code,
                success=True,
                payment_block=document.payment_block,
                response_message=_message(state, document),
                source_system=self._connector.settings.basware.source_system,
                payment_date=state.payment_date,
                payment_term_code=document.payment_term_code or "",
                payment_method=state.method or document.payment_method or "",
                paid_total=state.paid_total,
                cash_discount=state.cash_discount,
                check_number=state.check_number,
                payment_message=state.message[:100],
                payment_number=state.number,
                payment_document=state.document,
                payment_reversal_document=state.reversal_document,
            )
        except ValidationError as error:
            flaws = "; ".join(
                f"{flaw['loc'][0]}: {flaw['msg']}" for flaw in error.errors(include_input=False)
            )
            raise RecordRefused(
                f"Basware's limits do not let the payment be told ({flaws})", code=OVER_LIMITS
            ) from None
        return encode(to_wire(response)).decode()

    def _send(self, intended: Payment) -> None:
        response = PaymentResponse.model_validate(decode(intended.body.encode()))
        try:
            receipt = self._connector.basware.respond_payment(intended.invoice_id, response)
        except OutcomeUnknown as lost:
            reach("payment.answered")
            self._no_answer(str(lost))
            self._wait(intended, str(lost), code=NOT_TAKEN)
            return
        reach("payment.answered")
        self._answers_again()
        if receipt.accepted:
            self._took(intended, receipt)
            reach("payment.stored")
            return
        document = self._connector.basware.document(intended.invoice_id)
        given = None if document is None else _given(document, intended.external_code)
        if given is not None:
            # A call of a dead run arrived after all, between our look and ours.
            self._found(intended, given)
            return
        texts = "; ".join(f"{error.code} {error.message}".strip() for error in receipt.errors)
        self._refuse(intended, REFUSED, f"Basware refuses the payment response: {texts}", receipt)

    def _took(self, intended: Payment, receipt: Receipt) -> None:
        taken = replace(
            _as_told(intended),
            state="answered",
            request_id=receipt.request_id or "",
            client_request_id=receipt.client_request_id,
        )
        self._store(taken, "payment told", {"http_status": receipt.http_status})
        self.told.append(taken)

    def _found(self, planned: Payment, given: GivenResponse) -> None:
        """Basware holds a response of this code: ours, whose answer we never saw."""
        if planned.body or given.paid_total == planned.paid_total:
            taken = replace(_as_told(planned), state="confirmed", request_id="", client_request_id="")
            self._store(taken, "payment told", {"note": "found in Basware, the answer was lost"})
            self.told.append(taken)
            return
        # Our store is older than what Basware was told (a backup): this code is used up for something else.
        self._store(
            next_generation(planned, self._now()),
            "payment planned",
            {"note": f"{planned.external_code} stands in Basware with a paid total of {given.paid_total}"},
        )

    def _confirm_one(self, answered: Payment) -> None:
        if self.outage:
            return
        try:
            outcome = self._outcome(answered)
            if outcome is None and (
                not answered.request_id or self._now() - answered.updated_at > _FORGOTTEN_AFTER
            ):
                document = self._connector.basware.document(answered.invoice_id)
                there = document is not None and _given(document, answered.external_code) is not None
                outcome = ItemOutcome("Success" if there else "Unpublished", (), None, None)
        except RetryLater as error:
            self._no_answer(str(error))
            return
        except RecordRefused as error:
            _log.warning("the outcome of payment %s stays open: %s", answered.external_code, error)
            return
        self._answers_again()
        if outcome is None:
            return
        if outcome.status in _TAKEN:
            note = "; ".join(outcome.messages)
            self._store(replace(answered, state="confirmed"), "payment confirmed", {"note": note})
            return
        reason = "; ".join((outcome.status, *outcome.messages))
        self._refuse(
            replace(answered, told_digest=""),
            REFUSED,
            f"Basware took the payment response and could not process it: {reason}",
        )

    def _outcome(self, answered: Payment) -> ItemOutcome | None:
        """What the request came to; None while that is open or unknown."""
        if not answered.request_id:
            return None
        outcome = self._connector.basware.request_status(answered.request_id)
        if outcome is None or not outcome.done:
            return None
        named = outcome.items.get(answered.external_code)
        return named or (outcome.unnamed[0] if len(outcome.unnamed) == 1 else None)

    def _refuse(self, one: Payment, code: str, reason: str, receipt: Receipt | None = None) -> None:
        refused = replace(one, state="refused", code=code, reason=reason, remedy=REFUSED_REMEDY)
        detail: dict[str, Any] = {"reason": reason, "code": code}
        if receipt is not None:
            refused = replace(
                refused, request_id=receipt.request_id or "", client_request_id=receipt.client_request_id
            )
            detail |= {"http_status": receipt.http_status}
        self._store(refused, "payment refused", detail)

    def _wait(self, one: Payment, reason: str, *, code: str = WAITS) -> None:
        """Keep it planned, with the reason; nothing happened that the audit trail should tell."""
        waiting = replace(one, code=code, reason=reason, remedy=_WAITS_REMEDY, updated_at=self._now())
        with self._connector.store.write() as connection:
            payments.save(connection, self._lease, [Change(waiting)], waiting.updated_at)

    def _store(self, one: Payment, action: str, detail: dict[str, Any]) -> None:
        stored = replace(one, updated_at=self._now())
        told = {
            "external_code": one.external_code,
            "paid_total": str(one.paid_total),
            "request_id": one.request_id,
            "client_request_id": one.client_request_id,
            **detail,
        }
        with self._connector.store.write() as connection:
            payments.save(connection, self._lease, [Change(stored, action, told)], stored.updated_at)

    def _now(self) -> datetime:
        return self._connector.clock.now()

    def _answers_again(self) -> None:
        with self._counting:
            self._unanswered = 0

    def _no_answer(self, reason: str) -> None:
        with self._counting:
            self._unanswered += 1
            if self._unanswered >= _AWAY_AFTER:
                self.outage = reason


def _as_told(one: Payment) -> Payment:
    return replace(
        one,
        told_digest=one.digest,
        told_total=one.paid_total,
        told_code=one.external_code,
        code="",
        reason="",
        remedy="",
    )


def _given(document: AccountingDocument, external_code: str) -> GivenResponse | None:
    wanted = external_code.casefold()
    return next(
        (given for given in document.payment_responses if given.external_code.casefold() == wanted), None
    )


def _message(state: PaymentState, document: AccountingDocument) -> str:
    """One line for the invoice's action log in Basware."""
    gross = document.gross_sum or Decimal(0)
    what = "Payment taken back" if state.reversal_document else "Payment"
    text = f"{what} in SYSPRO: {state.paid_total} of {gross} {document.currency_code} paid"
    return (f"{text}, discount {state.cash_discount}" if state.cash_discount else text)[:250]
