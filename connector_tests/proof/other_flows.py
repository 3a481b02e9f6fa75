"""The points of the flows beside the run over the invoices: what must be there before a worker comes to them.

Belongs here: payments back to Basware, data extracts, suppliers enriched from Basware. The harness that kills is in `crash`.
"""

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connector_defs.domain.keys import external_code
from connector_defs.sandbox.basware.answer import instant
from connector_defs.store import enrichment
from connector_tests.proof.kinds import WORLD, Bill
from connector_tests.proof.site import ProofSite


@dataclass(frozen=True)
class OtherFlow:
    """A flow with points of its own.

    `prepare` makes work for it out of approved invoices; `job` is the worker's name for it; `flaws` tells in words
    what is off once workers have done it to the end.
    """

    module: str
    job: str
    prepare: Callable[[ProofSite, Sequence[Bill]], None]
    flaws: Callable[[ProofSite], Iterator[str]]

    @property
    def is_built(self) -> bool:
        """True where this build has the flow."""
        return importlib.util.find_spec(self.module) is not None


def _pay(site: ProofSite, bills: Sequence[Bill]) -> None:
    """Pay the invoices in SYSPRO, once they stand there."""
    site.drain()
    syspro = site.sandbox.syspro
    with syspro.lock:
        for bill in bills:
            syspro.ledger.pay(bill.expected.supplier, bill.expected.number)
            site.paid.append(bill.expected.invoice_id)


def _paid_once(site: ProofSite) -> Iterator[str]:
    """Every payment is told, and none is told twice."""
    told = [one.invoice_id for one in site.sandbox.basware.responses if one.kind == "paymentResponses"]
    for invoice_id in site.paid:
        status = site.sandbox.basware.documents[invoice_id]["processingStatus"]
        if told.count(invoice_id) != 1 or status != "Paid":
            yield f"the payment of {invoice_id} was told {told.count(invoice_id)} times, Basware shows {status}"


def _extract(site: ProofSite, _bills: Sequence[Bill]) -> None:
    """Basware makes an extract of what it holds."""
    with site.sandbox.basware.lock:
        site.sandbox.basware.extracts.make()


def _all_exported(site: ProofSite) -> Iterator[str]:
    for extract in site.sandbox.basware.extracts.made.values():
        if extract.status == "WaitingForExport":
            yield f"extract {extract.id} was never acknowledged"


# Suppliers that no bill of the proof is from, so that their terms are nobody else's business.
_ENRICHED = ("000000000000002", "O'NEILL", "A&B-TOOL")


def _change_vendors(site: ProofSite, _bills: Sequence[Bill]) -> None:
    """People in Basware change the payment term and the tax id of some suppliers."""
    site.serial += 1
    vendors = site.sandbox.basware.entities.setdefault("vendors", {})
    with site.sandbox.basware.lock:
        for place, supplier in enumerate(_ENRICHED):
            term = ("30", "60")[(site.serial + place) % 2]
            tax_id = f"XX{site.serial:06d}{place}"
            site.enriched[supplier] = (term, tax_id)
            code = external_code("vendors", WORLD.company, supplier)
            vendors[code] = {
                "externalCode": code,
                "vendorCode": supplier,
                "name": supplier,
                "companies": [{"companyCode": WORLD.basware_company}],
                "paymentTerms": {"paymentTermCode": term},
                "identifiers": [{"id": tax_id, "schemeId": "VAT"}],
                "lastUpdated": instant(datetime.now(UTC)),
            }


def _all_enriched(site: ProofSite) -> Iterator[str]:
    """SYSPRO holds what Basware does, and the trail tells of each change that it was applied."""
    for supplier, (term, tax_id) in site.enriched.items():
        row = site.sandbox.syspro.ledger.tables["ApSupplier"].get(supplier)
        assert row is not None
        held = (str(row["TermsCode"]).strip(), str(row["TaxRegnNum"]).strip())
        if held != (term, tax_id):
            yield f"supplier {supplier} holds {held} in SYSPRO, and {(term, tax_id)} in Basware"
    with site.connector.store.read() as connection:
        left = {one.state for one in enrichment.in_states(connection, enrichment.OPEN)}
    if left:
        yield f"changes of suppliers are still {', '.join(sorted(left))}"


# The first part of a point's name -> its flow.
OTHER_FLOWS: Mapping[str, OtherFlow] = {
    "payment": OtherFlow("connector_defs.flows.payments", "payments", _pay, _paid_once),
    "extract": OtherFlow("connector_defs.flows.extracts", "extracts", _extract, _all_exported),
    "enrichment": OtherFlow(
        "connector_defs.flows.supplier_updates", "enrichment", _change_vendors, _all_enriched
    ),
}


def flow_of(point: str) -> OtherFlow | None:
    """The flow that comes to a point, where that is not the run over the invoices."""
    return OTHER_FLOWS.get(point.partition(".")[0])
