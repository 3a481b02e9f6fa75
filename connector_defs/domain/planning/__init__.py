"""From approved invoice to SYSPRO document. Pure: the invoice, the mapping rules and the books go in; a `Posting`, the
unmapped rows or a refusal come out. Every refusal carries a code, the reason and the remedy, for a person reads it.

Rooms: `document` (the order of the steps), `amounts`, `tax`, `receipts`, `ledger_rows`, `rates`, `numbers`, `parties`,
`periods`, `credit`, `journal`, and `rules` (what the site decided).
"""

from connector_defs.domain.planning.amounts import rounding_of
from connector_defs.domain.planning.document import needs_mapping, plan
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refusal, Unmapped

__all__ = ["PlanningRules", "Refusal", "Unmapped", "needs_mapping", "plan", "rounding_of"]
