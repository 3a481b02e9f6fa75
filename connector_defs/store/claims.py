"""Which lane works on which invoice, so that several lanes and processes share one queue.

A claim is good as long as the lane's lease has the claim's fence and a living owner; nobody has to clear up after
a dead one. What a claim outlives its worker with is the count of workers that died over the invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from connector_defs.store.leases import Lease, is_held, renew
from connector_defs.store.tables import claim, lease
from connector_defs.store.upsert import upsert

_CHUNK = 400


@dataclass(frozen=True)
class Claim:
    """A lane's claim on an invoice; `alive` while its worker is."""

    lane: str
    deaths: int
    alive: bool


def of(connection: Connection, company: str, invoice_ids: Sequence[str], now: datetime) -> dict[str, Claim]:
    """The claims on these invoices, living and dead."""
    found = {}
    for start in range(0, len(invoice_ids), _CHUNK):
        part = invoice_ids[start : start + _CHUNK]
        query = (
            select(claim, lease.c.owner, lease.c.expires_at, lease.c.fence.label("lane_fence"))
            .outerjoin(lease, lease.c.name == claim.c.lane)
            .where(claim.c.company == company, claim.c.invoice_id.in_(part))
        )
        for row in connection.execute(query):
            alive = row.lane_fence == row.fence and is_held(row.owner, row.expires_at, now)
            found[row.invoice_id] = Claim(row.lane, row.deaths + (0 if alive else 1), alive)
    return found


def take(
    connection: Connection, held: Lease, company: str, invoice_ids: Sequence[str], now: datetime
) -> list[str]:
    """Claim what no other living lane has; returns the ids that are `held`'s now, in the order given.

    Raises LeaseLost where the lane is no longer ours.
    """
    renew(connection, held, now)
    existing = of(connection, company, invoice_ids, now)
    won = [
        invoice_id
        for invoice_id in invoice_ids
        if invoice_id not in existing
        or not existing[invoice_id].alive
        or existing[invoice_id].lane == held.name
    ]
    upsert(
        connection,
        claim,
        [
            {
                "company": company,
                "invoice_id": invoice_id,
                "lane": held.name,
                "fence": held.fence,
                "deaths": existing[invoice_id].deaths if invoice_id in existing else 0,
            }
            for invoice_id in won
        ],
    )
    return won


def release(connection: Connection, held: Lease, company: str, invoice_ids: Sequence[str] = ()) -> None:
    """Give these invoices back, or all of the lane; what was worked on to its end killed nobody."""
    mine = delete(claim).where(
        claim.c.company == company, claim.c.lane == held.name, claim.c.fence == held.fence
    )
    if not invoice_ids:
        connection.execute(mine)
    for start in range(0, len(invoice_ids), _CHUNK):
        connection.execute(mine.where(claim.c.invoice_id.in_(invoice_ids[start : start + _CHUNK])))
