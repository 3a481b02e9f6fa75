"""What tests of the enrichment do and look at: vendors edited in Basware, both steps of a run, SYSPRO's suppliers."""

from collections.abc import Mapping
from typing import Any

from connector_defs.flows.enrichment import compare
from connector_defs.flows.enrichment_reports import EnrichmentReport, SupplierUpdateReport
from connector_defs.flows.supplier_updates import update_suppliers
from connector_defs.store import enrichment
from connector_tests.flows.pair import SUPPLIER, Pair

SECOND = "000000000000002"
QUOTED = "O'NEILL"
UPDATE = "Setup/Update APSSSP"


def publish_suppliers(pair: Pair) -> None:
    """Every supplier has the term 30, and Basware has every supplier."""
    rows = pair.sandbox.syspro.ledger.tables["ApSupplier"]
    for row in list(rows):
        rows.update((row["Supplier"],), {"TermsCode": "30"})
    pair.stage("payment_terms", "suppliers", "supplier_addresses")
    pair.publish("paymentTerms", "vendors")


def term(code: str) -> dict[str, Any]:
    return {"paymentTerms": {"paymentTermCode": code}}


def vat(*numbers: str) -> dict[str, Any]:
    return {"identifiers": [{"id": number, "schemeId": "VAT"} for number in numbers]}


def edit(pair: Pair, supplier: str = SUPPLIER, **fields: Any) -> None:
    """A user of Basware changes a vendor."""
    pair.sandbox.basware.edit_vendor(supplier, fields)


def look(pair: Pair) -> EnrichmentReport:
    return compare(pair.connector, pair.company)


def write(pair: Pair) -> SupplierUpdateReport:
    return update_suppliers(pair.connector, pair.company)


def in_syspro(pair: Pair, supplier: str = SUPPLIER) -> tuple[str, str]:
    """Payment term and tax id of the supplier."""
    row = pair.sandbox.syspro.ledger.tables["ApSupplier"].get(supplier)
    assert row is not None
    return str(row["TermsCode"]).strip(), str(row["TaxRegnNum"]).strip()


def suppliers(pair: Pair) -> dict[str, Mapping[str, Any]]:
    """Every row of ApSupplier."""
    return {str(row["Supplier"]): row for row in pair.sandbox.syspro.ledger.tables["ApSupplier"]}


def states(pair: Pair) -> dict[tuple[str, str], str]:
    """By supplier and field, with the code where there is one."""
    with pair.connector.store.read() as connection:
        rows = enrichment.in_states(connection, [*enrichment.OPEN, "rejected", "applied", "superseded"])
    return {row.key: f"{row.state}/{row.code}" if row.code else row.state for row in rows}
