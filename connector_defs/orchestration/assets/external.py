"""What lies outside: SYSPRO's tables and Basware's endpoints, so that lineage has both its ends.

Belongs here: names and descriptions. Nothing here can be materialised.
"""

from collections.abc import Iterable

import dagster as dg

from connector_defs.flows.entities import ENTITIES, STAGED

_ERP = "erp"
_P2P = "p2p"

# SYSPRO's own names, in a finance person's words.
TABLE_DESCRIPTIONS = {
    "AdmTax": "Tax codes and their rates.",
    "ApInvoice": "Posted supplier invoices of accounts payable.",
    "APSSSP": "The business object that changes suppliers; here their payment terms and tax ids.",
    "ApInvoicePay": "Payments, discounts and adjustments of posted supplier invoices.",
    "ApSupplier": "Suppliers: code, name, currency, terms, hold flag.",
    "ApSupplierAddr": "Addresses of suppliers.",
    "GenAnalysisCode": "Analysis codes, which hold cost centres at many sites.",
    "GenMaster": "The chart of accounts: GL codes, their types and hold flags.",
    "GrnDetails": "Goods received notes waiting for their invoices.",
    "PorMasterDetail": "Purchase order lines.",
    "PorMasterHdr": "Purchase order headers.",
    "TblApTerms": "Payment terms of accounts payable.",
    "TblCurrency": "Currencies and their rates.",
}

_PUBLISHED_DESCRIPTIONS = {
    "taxCodes": "Basware P2P: tax codes offered in coding.",
    "accounts": "Basware P2P: accounts offered in coding.",
    "costCenters": "Basware P2P: cost centres offered in coding.",
    "paymentTerms": "Basware P2P: payment terms of suppliers.",
    "vendors": "Basware P2P: suppliers that invoices are received from.",
    "matchingOrders": "Basware P2P: purchase orders that invoices are matched to.",
    "matchingOrderLines": "Basware P2P: purchase order lines with their goods receipts.",
}


def erp(table: str) -> dg.AssetKey:
    """Key of a SYSPRO table."""
    return dg.AssetKey([_ERP, table])


def p2p(endpoint: str) -> dg.AssetKey:
    """Key of a Basware endpoint."""
    return dg.AssetKey([_P2P, endpoint])


def is_external(key: dg.AssetKey) -> bool:
    """True for a table or endpoint outside, which no run of ours makes."""
    return key.path[0] in (_ERP, _P2P)


def external_assets() -> list[dg.AssetSpec]:
    """Every table we read or write in SYSPRO, every endpoint we read or write in Basware."""
    tables = {table for staged in STAGED for table in staged.tables}
    return [
        *(_table(name) for name in sorted(tables)),
        _table("ApInvoice", deps=[dg.AssetKey(["syspro", "ap_postings"])]),
        # Its own node: ApSupplier itself leads to Basware's vendors, and lineage must not run in a circle.
        dg.AssetSpec(
            erp("APSSSP"),
            deps=[dg.AssetKey(["syspro", "supplier_updates"])],
            description=f"SYSPRO business object APSSSP, which writes ApSupplier. {TABLE_DESCRIPTIONS['APSSSP']}",
            group_name="syspro_tables",
            kinds={"syspro"},
        ),
        *(
            _endpoint(
                entity.name,
                _PUBLISHED_DESCRIPTIONS[entity.name],
                deps=[dg.AssetKey(["basware", entity.name])],
            )
            for entity in ENTITIES
        ),
        _endpoint("accountingDocuments", "Basware P2P: approved invoices with their coding rows."),
        _endpoint("dataExtracts", "Basware Data Access API: extracts of the table of invoices."),
        _endpoint(
            "transferResponses",
            "Basware P2P: the voucher, or the refusal, that answers an approved invoice.",
            deps=[dg.AssetKey(["basware", "transfer_responses"])],
        ),
        _endpoint(
            "paymentResponses",
            "Basware P2P: how far an invoice is paid.",
            deps=[dg.AssetKey(["basware", "payment_responses"])],
        ),
    ]


def _table(name: str, *, deps: Iterable[dg.AssetKey] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        erp(name),
        deps=list(deps),
        description=f"SYSPRO table {name}. {TABLE_DESCRIPTIONS.get(name, '')}".strip(),
        group_name="syspro_tables",
        kinds={"syspro", "table"},
    )


def _endpoint(name: str, description: str, *, deps: Iterable[dg.AssetKey] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        p2p(name),
        deps=list(deps),
        description=description,
        group_name="basware_endpoints",
        kinds={"basware", "api"},
    )
