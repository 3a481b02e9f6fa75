"""The webhook: one request from its announcement to its answer.

Belongs here: the order of the steps. Nothing is parsed before it is verified, nothing is answered 200 before it is
durable, and nothing but a verified notification reaches the store. A ConnectionTest is the one exception to the first:
it may come before Basware's key is known here (Basware wire notes 4.3), so it is answered without being verified, and
then leaves no trace.
"""

import logging
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from connector_defs.console.body import (
    Ambiguous,
    BodyRefused,
    TooLarge,
    TooSlow,
    WrongType,
    check_announcement,
    read_body,
)
from connector_defs.console.callers import Allowance, Callers
from connector_defs.console.inbox import Inbox, StoreAway
from connector_defs.console.metrics import Metrics
from connector_defs.console.notice import Unreadable, is_connection_test, read_notice
from connector_defs.console.outcomes import ANSWERS, Outcome, response_to
from connector_defs.console.secrets import Keys
from connector_defs.console.signature import Signature, is_signed, read_signature
from connector_defs.settings import WebhookSettings
from connector_defs.store.notifications import TaskNotice

_REFUSED: Final[dict[type[BodyRefused], Outcome]] = {
    Ambiguous: Outcome.AMBIGUOUS,
    TooLarge: Outcome.TOO_LARGE,
    TooSlow: Outcome.TOO_SLOW,
    WrongType: Outcome.WRONG_TYPE,
}
# A notification has six short fields: what is larger is no ConnectionTest, and is not parsed to find out.
_LARGEST_TEST: Final = 4 * 1024

_log = logging.getLogger(__name__)


class Receiver:
    """Judges requests to the webhook; counts what became of each."""

    def __init__(
        self,
        settings: WebhookSettings,
        keys: Keys,
        inbox: Inbox,
        metrics: Metrics,
        *,
        body_seconds: float,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._inbox = inbox
        self._metrics = metrics
        self._body_seconds = body_seconds
        self._callers = Callers(settings.trusted_proxies)
        self._allowance = Allowance(settings.refused_per_minute)

    async def receive(self, request: Request) -> Response:
        """Answer one request."""
        caller = self._callers.address_of(request)
        if self._allowance.has_some(caller):
            outcome = await self._outcome(request)
            if ANSWERS[outcome].charged:
                self._allowance.charge(caller)
                _log.info("A request from %s: %s", caller, outcome)
                if not self._allowance.has_some(caller):
                    _log.warning(
                        "%s made too many requests that are not Basware's (the last: %s) and is answered 429 for now",
                        caller,
                        outcome,
                    )
        else:
            outcome = Outcome.LIMITED
        self._metrics.requests[outcome] += 1
        return response_to(outcome)

    async def _outcome(self, request: Request) -> Outcome:
        try:
            check_announcement(request)
            body = await read_body(request, self._body_seconds)
        except BodyRefused as refused:
            return _REFUSED[type(refused)]
        except ClientDisconnect:
            return Outcome.GONE
        values = [value.encode("latin-1") for value in request.headers.getlist(self._settings.header)]
        signature = read_signature(values)
        if not await self._is_verified(body, signature):
            return self._unverified(body, signature)
        try:
            notice = read_notice(body)
        except Unreadable as flaw:
            _log.warning("A signed notification cannot be read, and is not kept: %s", flaw)
            return Outcome.UNREADABLE
        return await self._keep(notice, signature)

    async def _is_verified(self, body: bytes, signature: Signature) -> bool:
        if not signature.digest:
            return False
        encoding = self._settings.encoding
        return is_signed(body, signature, await self._keys.current(), encoding) or is_signed(
            body, signature, await self._keys.in_doubt(), encoding
        )

    def _unverified(self, body: bytes, signature: Signature) -> Outcome:
        """401 for whatever it is, unless it is a ConnectionTest and these are let through."""
        if self._settings.connection_test == "signed" or len(body) > _LARGEST_TEST:
            return Outcome.UNVERIFIED
        try:
            if not is_connection_test(read_notice(body)):
                return Outcome.UNVERIFIED
        except Unreadable:
            return Outcome.UNVERIFIED
        self._metrics.connection_tests[f"unverified_{signature.form}"] += 1
        _log.warning(
            "A ConnectionTest came that is not verified; its signature is %s. It was answered and changes nothing.",
            signature.form,
        )
        return Outcome.CONNECTION_TEST

    async def _keep(self, notice: TaskNotice, signature: Signature) -> Outcome:
        note = None
        if is_connection_test(notice):
            self._metrics.connection_tests[signature.form] += 1
            note = f"ConnectionTest, verified; its signature is {signature.form}"
        try:
            await self._inbox.keep(notice, note)
        except StoreAway as away:
            _log.error("A notification was answered 503: %s", away)
            return Outcome.STORE_AWAY
        return Outcome.STORED
