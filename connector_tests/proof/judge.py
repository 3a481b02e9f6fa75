"""The judge: whether the ledgers of both systems and our store keep the invariants, and which one is broken.

Belongs here: the comparison, made from the simulators' own books and from what Basware approved. None of it is
taken from the connector's words, but for its audit trail and its store, which are themselves judged. Not here:
how the books came to be what they are.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import select

from connector_defs.domain.keys import posting_reference
from connector_defs.domain.states import State
from connector_defs.flows.reconciliation import reconcile
from connector_defs.flows.runtime import Connector
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.ledger import PostedInvoice
from connector_defs.store import audit, invoices
from connector_defs.store.invoices import StoredInvoice
from connector_defs.store.tables import audit_event

INVARIANTS: Mapping[str, str] = {
    "I1": "one Basware invoice, at most one SYSPRO invoice",
    "I2": "rows + tax + rounding = gross, in Basware, here and in SYSPRO",
    "I3": "nothing is acknowledged that is not durable here",
    "I4": "nothing is answered as transferred that does not stand in SYSPRO",
    "I5": "every invoice is in exactly one state, and none is forgotten",
    "I6": "no SYSPRO session is left open",
    "I7": "the audit chain is whole and explains every change of state",
    "I10": "an order that matching can see is whole, or marked as not whole",
    "I9": "company of the source and of the target belong together",
}
_IN_LEDGER = (State.POSTED, State.RESPONDED)
_ANSWERED = ("Transferred", "Paid")
_UNTOUCHED = ("WaitingForTransfer", "WaitingToBeReturned")


@dataclass(frozen=True)
class Expected:
    """What must have become of one approved invoice once all is done.

    `ledger` is what SYSPRO must hold, per GL code of the expense lines; None where it must hold nothing. `tax` and
    `matched` are the sums of its tax and receipt lines. Of those that name the same `rivalry` one is posted, and
    the others wait for a person.
    """

    invoice_id: str
    supplier: str
    number: str
    currency: str
    gross: Decimal
    ledger: Mapping[str, Decimal] | None
    tax: Decimal = Decimal(0)
    matched: Decimal = Decimal(0)
    rivalry: str = ""


@dataclass(frozen=True)
class Breach:
    """One broken invariant: which, what it means to the books, and on which record."""

    invariant: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} broken ({INVARIANTS[self.invariant]}): {self.what}"


@dataclass
class Verdict:
    """What the judge found."""

    breaches: list[Breach] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """Breaches of one kind: lost, doubled, wrong, session, audit."""
        return sum(breach.kind == kind for breach in self.breaches)

    @property
    def broken(self) -> set[str]:
        """The invariants that are broken."""
        return {breach.invariant for breach in self.breaches}

    @property
    def clean(self) -> bool:
        """True where everything holds."""
        return not self.breaches

    def __str__(self) -> str:
        return "\n".join(str(breach) for breach in self.breaches) or "everything holds"


class Judge:
    """Compares one sandbox with the store of the connector beside it."""

    def __init__(self, sandbox: Sandbox, connector: Connector) -> None:
        self._sandbox = sandbox
        self._connector = connector

    def at_any_time(self) -> Verdict:
        """What holds at every moment, even with the worker just killed."""
        books = self._books()
        return Verdict([*_posted_once(books), *_balanced(books), *_acknowledged(books), *_answered(books)])

    def at_rest(self, expected: Sequence[Expected] = (), *, differences: bool = False) -> Verdict:
        """What holds when all is worked off, `expected` included; `differences` where `reconcile` must find some."""
        self._sandbox.syspro.settle()
        books = self._books()
        verdict = Verdict([*_posted_once(books), *_balanced(books), *_acknowledged(books), *_answered(books)])
        verdict.breaches += [*_in_our_words(books), *_as_expected(books, expected), *_counted(books)]
        verdict.breaches += [*self._sessions(), *self._trail(books)]
        if not differences:
            verdict.breaches += [
                Breach("I2", "wrong", f"reconcile: {one.key} {one.kind}: {one.ours} / {one.theirs}")
                for one in reconcile(self._connector).differences
            ]
        return verdict

    def _books(self) -> "_Books":
        """From effect to cause, so that a worker who is under way meanwhile is not taken for a culprit."""
        with self._sandbox.basware.lock:
            documents = {key: dict(document) for key, document in self._sandbox.basware.documents.items()}
        with self._sandbox.syspro.lock:
            postings = list(self._sandbox.syspro.ledger.invoices)
            journals = list(self._sandbox.syspro.ledger.journals)
        company = self._connector.companies[0]
        with self._connector.store.read() as connection:
            held = invoices.in_states(connection, None, frozenset(State), with_payload=False)
            counts = invoices.counts(connection)
        return _Books(
            company.syspro_company,
            company.basware_company,
            postings,
            [sum((line.value for line in journal.lines), Decimal(0)) for journal in journals],
            documents,
            {one.invoice_id: one for one in held},
            counts,
        )

    def _sessions(self) -> Iterator[Breach]:
        for session in self._sandbox.syspro.sessions:
            yield Breach("I6", "session", f"operator {session.operator} is still logged on")

    def _trail(self, books: "_Books") -> Iterator[Breach]:
        flaw = self._damage()
        if flaw:
            yield Breach("I7", "audit", f"the file of the state store is damaged: {flaw}")
        verification = audit.verify(self._connector.store)
        for link in verification.broken:
            yield Breach("I7", "audit", f"{link.chain} at event {link.sequence}: {link.reason}")
        moves: dict[str, list[str]] = defaultdict(list)
        with self._connector.store.read() as connection:
            query = select(audit_event.c.key, audit_event.c.action).where(
                audit_event.c.chain.startswith("invoice/")
            )
            for key, action in connection.execute(
                query.order_by(audit_event.c.chain, audit_event.c.sequence)
            ):
                moves[key].append(action)
        for invoice_id, stored in books.held.items():
            flaw = _unexplained(moves[invoice_id], stored)
            if flaw:
                yield Breach("I7", "audit", f"the trail of {stored.number}: {flaw}")

    def _damage(self) -> str:
        """What SQLite finds in its file: several processes had it open, and some were killed."""
        with self._connector.store.read() as connection:
            if connection.dialect.name != "sqlite":
                return ""
            found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
        return "" if found == "ok" else found


@dataclass(frozen=True)
class _Books:
    company: str
    basware_company: str
    postings: list[PostedInvoice]
    journal_sums: list[Decimal]
    documents: Mapping[str, Mapping[str, Any]]
    held: Mapping[str, StoredInvoice]
    counts: Mapping[str, int]

    @cached_property
    def by_reference(self) -> dict[str, str]:
        """The Basware invoice behind each marker that a posting of ours may carry."""
        return {posting_reference(self.company, one): one for one in self.documents}


def _key(supplier: str, number: str) -> tuple[str, str]:
    """What a database that ignores case and blanks at the end takes for one key."""
    return supplier.strip().casefold(), number.strip().casefold()


def _posted_once(books: _Books) -> Iterator[Breach]:
    numbers = Counter(_key(one.entry.supplier, one.entry.invoice) for one in books.postings)
    for key, times in numbers.items():
        if times > 1:
            yield Breach("I1", "doubled", f"{key} stands in SYSPRO {times} times")
    references = books.by_reference
    owners = Counter(references.get(one.entry.reference) for one in books.postings)
    for owner, times in owners.items():
        if owner is not None and times > 1:
            yield Breach("I1", "doubled", f"invoice {owner} was posted {times} times")
    vouchers = Counter(one.voucher for one in books.held.values() if one.voucher)
    for voucher, times in vouchers.items():
        if times > 1:
            yield Breach("I1", "doubled", f"{times} invoices claim voucher {voucher}")
    for posted in books.postings:
        document = books.documents.get(references.get(posted.entry.reference, ""))
        if document is not None and document["companyCode"] != books.basware_company:
            yield Breach(
                "I9", "wrong", f"{posted.entry.invoice} belongs to company {document['companyCode']}"
            )


def _balanced(books: _Books) -> Iterator[Breach]:
    for posted in books.postings:
        spread = sum((part.value for part in posted.entry.distributions), Decimal(0))
        if spread != posted.entry.value:
            yield Breach(
                "I2", "wrong", f"{posted.entry.invoice}: {spread} distributed of {posted.entry.value}"
            )
    for total in books.journal_sums:
        if total:
            yield Breach("I2", "wrong", f"a GL journal is out of balance by {total}")


def _acknowledged(books: _Books) -> Iterator[Breach]:
    for invoice_id, document in books.documents.items():
        if document["processingStatus"] not in _UNTOUCHED and invoice_id not in books.held:
            yield Breach("I3", "lost", f"{invoice_id} is {document['processingStatus']} and unknown here")


def _answered(books: _Books) -> Iterator[Breach]:
    by_key = {_key(one.entry.supplier, one.entry.invoice): one for one in books.postings}
    for invoice_id, document in books.documents.items():
        if document["processingStatus"] not in _ANSWERED:
            continue
        stored = books.held.get(invoice_id)
        posted = by_key.get(_key(stored.supplier, stored.number)) if stored else None
        if posted is None:
            yield Breach("I4", "lost", f"{invoice_id} is transferred without a posting")
        elif document.get("voucherNumber1") != voucher_of(posted):
            yield Breach("I4", "wrong", f"{invoice_id} was told voucher {document.get('voucherNumber1')}")


def _in_our_words(books: _Books) -> Iterator[Breach]:
    """What our store says of SYSPRO."""
    by_key = {_key(one.entry.supplier, one.entry.invoice): one for one in books.postings}
    for stored in books.held.values():
        if stored.state not in _IN_LEDGER:
            continue
        posted = by_key.get(_key(stored.supplier, stored.number))
        if posted is None:
            yield Breach("I4", "lost", f"{stored.number} is {stored.state}, SYSPRO has no such posting")
            continue
        if posted.entry.value != stored.gross:
            told = f"{stored.number} is {stored.gross} here and {posted.entry.value} in SYSPRO"
            yield Breach("I2", "wrong", told)
        if stored.voucher != voucher_of(posted):
            yield Breach("I4", "wrong", f"{stored.number} has voucher {stored.voucher} here")


def _counted(books: _Books) -> Iterator[Breach]:
    if sum(books.counts.values()) != len(books.held):
        yield Breach(
            "I5", "lost", f"the states add up to {sum(books.counts.values())}, not {len(books.held)}"
        )


def _as_expected(books: _Books, expected: Sequence[Expected]) -> Iterator[Breach]:
    postings: dict[str, list[PostedInvoice]] = defaultdict(list)
    for posted in books.postings:
        postings[books.by_reference.get(posted.entry.reference, "")].append(posted)
    rivals: dict[str, list[Expected]] = defaultdict(list)
    for one in expected:
        if one.rivalry:
            rivals[one.rivalry].append(one)
    winners = {name: [one for one in group if postings[one.invoice_id]] for name, group in rivals.items()}
    for name, group in winners.items():
        if len(group) != 1:
            yield Breach("I1", "doubled" if group else "lost", f"{name}: {len(group)} of several were posted")
    for one in expected:
        if not one.rivalry or one in winners[one.rivalry]:
            yield from _come_out(books, one, postings[one.invoice_id])


def _come_out(books: _Books, one: Expected, postings: Sequence[PostedInvoice]) -> Iterator[Breach]:
    """What became of one invoice."""
    stored = books.held.get(one.invoice_id)
    status = books.documents[one.invoice_id]["processingStatus"]
    if stored is None:
        # What was taken back before anybody saw it is nobody's loss.
        if one.ledger is not None or status != "WaitingToBeReturned":
            yield Breach("I5", "lost", f"{one.number} was never taken in")
    elif one.ledger is None:
        if postings:
            yield Breach("I4", "wrong", f"{one.number} must not stand in SYSPRO")
    elif not postings or stored.state is not State.RESPONDED or status not in _ANSWERED:
        ended = f"{stored.state} {stored.code}".strip()
        told = f"{one.number} ended as {ended} here, {status} in Basware, {len(postings)} times in SYSPRO"
        yield Breach("I5", "lost", told)
    else:
        yield from _posted_right(one, postings[0])


def _posted_right(one: Expected, posted: PostedInvoice) -> Iterator[Breach]:
    entry = posted.entry
    lines: dict[str, Decimal] = defaultdict(Decimal)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for part in entry.distributions:
        sums[part.purpose] += part.value
        if part.purpose == "expense":
            lines[part.gl_code] += part.value
    wanted = (one.supplier, one.number.strip(), one.gross, dict(one.ledger or {}), one.tax, one.matched)
    found = (
        entry.supplier,
        entry.invoice,
        entry.value,
        {code: value for code, value in lines.items() if value},
        sums["tax"],
        sums["goods_receipt"] + sums["variance"],
    )
    if found != wanted:
        yield Breach("I2", "wrong", f"{one.number} is posted as {found}, approved as {wanted}")


def _unexplained(actions: list[str], stored: StoredInvoice) -> str:
    """What the trail of one invoice leaves open: every move begins where the last one ended."""
    if not actions or actions[0] != "received":
        return "it does not begin with the intake"
    moves = [action.split("->") for action in actions if "->" in action]
    for (_, reached), (left, _) in itertools.pairwise(moves):
        if reached != left:
            return f"it goes to {reached} and on from {left}"
    if moves and moves[-1][1] != stored.state.value:
        return f"it ends at {moves[-1][1]}, the invoice is {stored.state}"
    if len(actions) < stored.version:
        return f"{stored.version} versions, {len(actions)} events"
    return ""


def voucher_of(posted: PostedInvoice) -> str:
    """The voucher number Basware is told for a posting."""
    return f"{posted.year:04d}{posted.month:02d}-{posted.journal:05d}-{posted.entry_number:04d}"
