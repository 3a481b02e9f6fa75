"""The life of an approved invoice: its states and the only moves between them."""

from enum import StrEnum


class State(StrEnum):
    """Where an invoice stands; exactly one at any time."""

    RECEIVED = "received"
    NEEDS_MAPPING = "needs_mapping"
    NEEDS_REVIEW = "needs_review"
    READY = "ready"
    ACKNOWLEDGED = "acknowledged"
    POSTING = "posting"
    UNCERTAIN = "uncertain"
    POSTED = "posted"
    RESPONDED = "responded"
    REJECTED = "rejected"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


_S = State

# state -> states it may leave to. A state may always be rewritten as itself (new reason, new attempt time).
ALLOWED: dict[State, frozenset[State]] = {
    _S.RECEIVED: frozenset({_S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.READY, _S.WITHDRAWN, _S.POSTED, _S.DEAD}),
    # To review: while a rejection is on its way to Basware, no new mapping may set the invoice going.
    # To posted, from here, review and dead: what stands in SYSPRO already is answered with the voucher it has.
    _S.NEEDS_MAPPING: frozenset(
        {_S.RECEIVED, _S.NEEDS_REVIEW, _S.REJECTED, _S.WITHDRAWN, _S.DEAD, _S.POSTED}
    ),
    _S.NEEDS_REVIEW: frozenset({_S.RECEIVED, _S.REJECTED, _S.WITHDRAWN, _S.DEAD, _S.POSTED}),
    _S.READY: frozenset(
        {_S.ACKNOWLEDGED, _S.RECEIVED, _S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.WITHDRAWN, _S.DEAD}
    ),
    _S.ACKNOWLEDGED: frozenset(
        {_S.POSTING, _S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.POSTED, _S.RECEIVED, _S.WITHDRAWN, _S.DEAD}
    ),
    _S.POSTING: frozenset({_S.POSTED, _S.UNCERTAIN, _S.ACKNOWLEDGED, _S.NEEDS_REVIEW, _S.DEAD}),
    _S.UNCERTAIN: frozenset({_S.POSTED, _S.ACKNOWLEDGED, _S.NEEDS_REVIEW, _S.DEAD}),
    _S.POSTED: frozenset({_S.RESPONDED, _S.NEEDS_REVIEW}),
    _S.RESPONDED: frozenset({_S.POSTED, _S.NEEDS_REVIEW}),
    _S.REJECTED: frozenset({_S.RECEIVED}),
    _S.DEAD: frozenset({_S.RECEIVED, _S.NEEDS_REVIEW, _S.REJECTED, _S.POSTED}),
    _S.WITHDRAWN: frozenset({_S.RECEIVED}),
}

OPEN = frozenset(State) - {_S.RESPONDED, _S.REJECTED, _S.WITHDRAWN}
WAITING_FOR_PEOPLE = frozenset({_S.NEEDS_MAPPING, _S.NEEDS_REVIEW, _S.DEAD})


def may_move(old: State, new: State) -> bool:
    """True where `old -> new` is a legal move."""
    return old == new or new in ALLOWED[old]
