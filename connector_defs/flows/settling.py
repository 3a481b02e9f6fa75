"""What a lost answer or a dead worker left open: looked up in SYSPRO, and decided by nothing else.

Nothing is ever posted from `uncertain`. A look-up that fails leaves it uncertain.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import Connection

from connector_defs.domain.intents import Intent
from connector_defs.domain.keys import is_posting_reference
from connector_defs.domain.states import State
from connector_defs.flows.lanes import lane_names
from connector_defs.flows.lookup import Found, LookUp, wanted_of
from connector_defs.flows.moves import PERIOD_REFUSED, LaneMoves
from connector_defs.points import reach
from connector_defs.store import claims, invoices
from connector_defs.store.invoices import LostRace, StoredInvoice
from connector_defs.syspro.session import EnetSession


class Settler:
    """Recovers and settles for one lane."""

    def __init__(self, moves: LaneMoves, session: EnetSession, look_up: LookUp) -> None:
        self._moves = moves
        self._session = session
        self._look_up = look_up
        self._connector = moves.connector
        self._company = moves.company.syspro_company

    def recover(self) -> None:
        """What a dead worker of this lane left in `posting` may or may not have posted: a look-up decides.

        First a logon: it ends whatever session the dead one had, so that nothing of it can post any more. That
        is why only the holder of its lane recovers it. The quarantine outlasts what SYSPRO had begun by then.
        """
        with self._connector.store.read() as connection:
            posting = invoices.in_states(connection, self._company, {State.POSTING}, with_payload=False)
            if not posting:
                return
            held = claims.of(connection, self._company, [one.invoice_id for one in posting], self._now())
        others = lane_names(self._moves.company) - {self._moves.lease.name}
        dead = [
            one
            for one in posting
            if (claim := held.get(one.invoice_id)) is None or not (claim.alive or claim.lane in others)
        ]
        if not dead:
            return
        self._session.open()
        reach("recovery.found")
        with self._connector.store.write() as connection:
            for stored in dead:
                with suppress(LostRace):
                    self._moves.move(
                        connection,
                        stored,
                        State.UNCERTAIN,
                        next_attempt_at=self._moves.after_quarantine(stored.updated_at),
                        code="CRASHED",
                        reason="the worker stopped between the intent and the answer",
                        remedy="nothing to do: a look-up in SYSPRO decides",
                    )
        reach("recovery.moved")

    def settle(self) -> None:
        """Look up every uncertain invoice whose quarantine is over."""
        with self._connector.store.read() as connection:
            due = invoices.ids_in_states(connection, self._company, {State.UNCERTAIN}, due=self._now())
            references = invoices.references_of_posted(connection, self._company)
        own_texts = any(not is_posting_reference(reference) for reference in references)
        size = self._connector.settings.posting.batch_size
        for start in range(0, len(due), size):
            with self._connector.store.write() as connection:
                mine = claims.take(
                    connection, self._moves.lease, self._company, due[start : start + size], self._now()
                )
                batch = list(invoices.get_many(connection, self._company, mine).values())
            self._settle([one for one in batch if one.state is State.UNCERTAIN], own_texts=own_texts)

    def _settle(self, batch: Sequence[StoredInvoice], *, own_texts: bool) -> None:
        if not batch:
            return
        mode = self._moves.company.posting_mode
        wanted = [wanted_of(stored, Intent.read(stored.intent), mode) for stored in batch]
        found = self._look_up.find(wanted, with_lines=True)
        reach("uncertain.looked_up")
        with self._connector.store.write() as connection:
            for stored in batch:
                with suppress(LostRace):
                    self._decide(connection, stored, found[stored.invoice_id], own_texts=own_texts)
        reach("uncertain.settled")

    def _decide(
        self, connection: Connection, stored: StoredInvoice, found: Found, *, own_texts: bool
    ) -> None:
        if found.entry is not None:
            self._moves.found(
                connection, stored, found.entry, "found by look-up", in_doubt=True, own_texts=own_texts
            )
        elif stored.voucher:
            self._moves.not_seen(connection, stored, "the look-up does not find it")
        elif stored.code == PERIOD_REFUSED:
            self._moves.park(connection, stored, stored.reason)
        else:
            self._moves.move(
                connection,
                stored,
                State.ACKNOWLEDGED,
                next_attempt_at=self._moves.next_attempt(stored.attempts),
                reason=f"the look-up says it is not in SYSPRO; it is posted again. Before: {stored.reason}",
            )

    def _now(self) -> datetime:
        return self._connector.clock.now()
