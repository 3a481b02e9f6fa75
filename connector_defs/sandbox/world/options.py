"""How large the simulated company is, and which seed it grows from."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """Sizes of one simulated SYSPRO company and its approved invoices in Basware.

    The same options give the same world, record for record. `lines` is the number of purchase order lines
    over all `orders`; `today` is the day the world ends on: periods, receipts and invoices lie before it.
    """

    seed: int = 7
    suppliers: int = 200
    accounts: int = 300
    cost_centers: int = 40
    orders: int = 500
    lines: int = 2500
    invoices: int = 300
    company: str = "M1"
    basware_company: str = "1000"
    today: date = field(default_factory=_today)
