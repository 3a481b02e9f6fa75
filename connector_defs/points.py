"""Named points between two effects, where a process may die: the crash proof kills it there.

Belongs here: the names, in the order in which an invoice, a payment, an extract or an order comes to them, and the
switch. A point is one call of `reach` in the code where it lies; while `CONNECTOR_DIE_AT` is not set it costs one
comparison.
`CONNECTOR_DIE_AT=posting.intent_written:3` ends the process by SIGKILL at its third arrival there.
"""

import os
import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

VARIABLE: Final = "CONNECTOR_DIE_AT"

# name -> what has just happened, and what has not happened yet
POINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "intake.page_read": "invoices came from Basware, none is stored",
        "intake.page_stored": "a page is durable here, Basware was told nothing",
        "evaluation.planned": "documents are planned, no state has moved",
        "evaluation.settled": "states have moved, Basware was told nothing",
        "acknowledge.answered": "Basware took an acknowledge, our state does not know",
        "acknowledge.stored": "acknowledged here and there, nothing is posted",
        "acknowledge.compared": "the invoice was fetched again, the verdict is not stored",
        "lane.leased": "the lane is ours, no session is open",
        "logon.answered": "SYSPRO opened a session, its id is not remembered",
        "logon.remembered": "the session id is durable, nothing was sent",
        "logoff.answered": "SYSPRO closed the session, ours is still remembered",
        "posting.looked_up": "SYSPRO does not hold the invoice, no intent is written",
        "posting.intent_written": "the intent is durable, nothing was sent",
        "posting.answered": "SYSPRO answered, our state does not know",
        "posting.confirmed": "SYSPRO's voucher is durable, it was not read back",
        "posting.read_back": "the posting was read back, the state has not moved",
        "posting.posted": "posted is durable, Basware was not answered",
        "recovery.found": "a dead worker's postings were found, none has moved",
        "recovery.moved": "a dead worker's postings are uncertain now",
        "uncertain.looked_up": "a look-up answered, no state has moved",
        "uncertain.settled": "a look-up has decided, nothing was done about it",
        "response.answered": "Basware took a transfer response, our state does not know",
        "response.stored": "answered here and there, Basware has not confirmed",
        "response.seen": "Basware shows it as transferred, the state has not moved",
        "response.confirmed": "responded is durable",
        "mapping.released": "invoices were freed by a mapping, none is checked again",
        "payment.planned": "changes of payment are known, nothing is written",
        "payment.intended": "the payment response is durable, Basware was told nothing",
        "payment.answered": "Basware took a payment response, our state does not know",
        "payment.stored": "the payment is told here and there",
        "enrichment.compared": "vendors differ from their suppliers, nothing of it is stored",
        "enrichment.intended": "the change of a supplier is durable, SYSPRO was told nothing",
        "enrichment.answered": "SYSPRO answered the change, our state does not know",
        "enrichment.read_back": "the changed suppliers were read back, no state has moved",
        "enrichment.settled": "what SYSPRO holds of the changes is durable",
        "extract.downloaded": "an extract was read, nothing of it is stored",
        "extract.stored": "an extract is taken in, Basware was not told so",
        "extract.acknowledged": "Basware marks the extract as exported, our state does not know",
        "publish.marked": "orders are marked as unfinished, the request with a part of their lines was not sent",
        "publish.received": "Basware took a request of records, its id is not durable",
        "publish.stored": "a request of records is durable as sent, others are to follow",
        "publish.read": "Basware told what became of a request, our state does not know",
        "lane.returned": "the lane's lease is given back",
        "audit.sealed": "finished days are sealed",
    }
)


def _armed() -> tuple[str, int]:
    name, _, count = os.environ.get(VARIABLE, "").partition(":")
    if name and name not in POINTS:
        raise ValueError(f"{VARIABLE} names {name!r}; known points are {', '.join(POINTS)}")
    return name, int(count or 1)


_name, _arrivals_left = _armed()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_death: Callable[[], None] = _kill


def reach(name: str) -> None:
    """The process stands at this point now."""
    if name == _name:
        _die_when_due()


def _die_when_due() -> None:
    global _arrivals_left, _name  # noqa: PLW0603 - one switch for the whole process, off in every real one
    _arrivals_left -= 1
    if _arrivals_left <= 0:
        _name = ""
        _death()


def arm(name: str, arrivals: int = 1, death: Callable[[], None] = _kill) -> None:
    """Die at the n-th arrival at `name` from now on; for a process that was forked after its start.

    `death` is what a proof may do instead of SIGKILL: stop the process for a while, or end a model of one.
    """
    global _name, _arrivals_left, _death
    if name not in POINTS:
        raise ValueError(f"no such point: {name}; known are {', '.join(POINTS)}")
    _name, _arrivals_left, _death = name, arrivals, death


def disarm() -> None:
    """Die nowhere."""
    global _name  # noqa: PLW0603
    _name = ""
