"""The flow of each entity as data: which tables are staged, what is published from them, in which order.

Belongs here: the two tables `STAGED` and `ENTITIES`. How they are worked through is in `extraction` and
`publishing`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from connector_defs.domain.translation import master, orders, suppliers, terms
from connector_defs.domain.translation.context import Site, SourceRow, Translated
from connector_defs.syspro import tables
from connector_defs.syspro.tables import Table

MASTER_DATA = "master-data"
PURCHASE_ORDERS = "purchase-orders"
PAYMENTS = "payments"

# Cost centres have no SYSPRO table of their own (SYSPRO wire notes 4.4), so the staged form is ours.
COST_CENTER_SCHEMA = pa.schema([("CostCenter", pa.string()), ("Description", pa.string())])
# Suppliers that are held back, with what they share with others.
DUPLICATES_SCHEMA = pa.schema([("Supplier", pa.string()), ("Duplicate", pa.string())])


@dataclass(frozen=True)
class StagedTable:
    """One staged table and the SYSPRO tables it is read from. `columns` are the ones published or compared.

    Without a `required` column, or a key column, records would go out wrong (a held supplier as free, a line
    without its price), so nothing is staged. Where the table is `optional`, a site may lack it.
    """

    name: str
    sources: tuple[Table, ...]
    group: str
    columns: tuple[str, ...]
    required: tuple[str, ...] = ()
    optional: bool = False

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the SYSPRO tables."""
        return tuple(source.name for source in self.sources)


@dataclass(frozen=True)
class Entity:
    """One Basware endpoint.

    `depends_on` names the entity that must be confirmed in P2P before a record goes; `touch_field` is the text
    that a forced resend changes, because Basware ignores an identical record. `range_column` stands in all
    sources and is what large partitions are worked through by. `maps` names what of the site the translation looks
    up: where one of them changes, the records are compared anew. `beside` are tables that its query reads beside the
    staged ones; empty where nobody gives them.
    `owned_there` are the wire names of the fields that Basware owns once it has the record: they go back as it holds
    them. `owned_columns` are SYSPRO's columns behind them, whose change alone sends nothing.
    """

    name: str
    group: str
    sources: tuple[str, ...]
    range_column: str
    translate: Callable[[SourceRow, Site], Translated]
    depends_on: str | None = None
    touch_field: str = "text10"
    maps: tuple[str, ...] = ()
    beside: Mapping[str, pa.Schema] = field(default_factory=dict)
    owned_there: tuple[str, ...] = ()
    owned_columns: tuple[str, ...] = ()

    @property
    def of_orders(self) -> bool:
        """Whether a reading holds some orders with what belongs to them, rather than whole tables."""
        return "order_headers" in self.sources


STAGED: tuple[StagedTable, ...] = (
    StagedTable(
        "tax_codes",
        (tables.ADM_TAX,),
        MASTER_DATA,
        ("TaxCode", "Description", "CurTaxRate", "PrvTaxRate", "TaxEffDate"),
        required=("CurTaxRate",),
        optional=True,
    ),
    StagedTable(
        "gl_accounts",
        (tables.GEN_MASTER,),
        MASTER_DATA,
        ("Company", "GlCode", "Description", "AccountType", "ControlAccFlag", "AccOnHldFlag", "TaxCode"),
        required=("AccountType", "ControlAccFlag", "AccOnHldFlag"),
    ),
    StagedTable(
        "cost_centers",
        (tables.GEN_ANALYSIS_CODE, tables.GEN_MASTER),
        MASTER_DATA,
        ("CostCenter", "Description"),
        optional=True,
    ),
    StagedTable(
        "payment_terms",
        (tables.TBL_AP_TERMS,),
        MASTER_DATA,
        (
            "TermsCode",
            "Description",
            "DiscPct",
            "DiscFix",
            "DiscDays",
            "DiscDayOfMonth",
            "DiscMonths",
            "DueFix",
            "DueDays",
            "DueDayOfMonth",
            "DueMonths",
        ),
        optional=True,
    ),
    StagedTable(
        "suppliers",
        (tables.AP_SUPPLIER,),
        MASTER_DATA,
        (
            "Supplier",
            "SupplierName",
            "Currency",
            "TermsCode",
            "OnHold",
            "TaxRegnNum",
            "Contact",
            "Email",
            "Telephone",
            "GrnMatchReqd",
            "Nationality",
            "BankAccount",
            "BankBranch",
            "RemitEmail",
            "PoEmail",
        ),
        required=("OnHold", "Currency"),
    ),
    StagedTable(
        "supplier_addresses",
        (tables.AP_SUPPLIER_ADDR,),
        MASTER_DATA,
        tables.AP_SUPPLIER_ADDR.column_names,
        optional=True,
    ),
    StagedTable(
        "order_headers",
        (tables.POR_MASTER_HDR,),
        PURCHASE_ORDERS,
        (
            "PurchaseOrder",
            "OrderStatus",
            "CancelledFlag",
            "Supplier",
            "Currency",
            "TermsCode",
            "OrderEntryDate",
            "OrderDueDate",
            "DatePoCompleted",
            "ExchangeRate",
            "DiscPct1",
            "DiscPct2",
            "DiscPct3",
        ),
        required=(
            "OrderStatus",
            "CancelledFlag",
            "Supplier",
            "Currency",
            "DiscPct1",
            "DiscPct2",
            "DiscPct3",
        ),
    ),
    StagedTable(
        "order_lines",
        (tables.POR_MASTER_DETAIL,),
        PURCHASE_ORDERS,
        (
            "PurchaseOrder",
            "Line",
            "LineType",
            "MStockCode",
            "MStockDes",
            "MOrderUom",
            "MOrderQty",
            "MPrice",
            "MForeignPrice",
            "MConvFactPrcUm",
            "MMulDivPrc",
            "MDiscPct1",
            "MDiscPct2",
            "MDiscPct3",
            "MDiscValFlag",
            "MDiscValue",
            "MTaxCode",
            "MGlCode",
            "MLatestDueDate",
            "MCompleteFlag",
            "MSupCatalogue",
            "NComment",
            "NMscChargeValue",
            "NMscChargeFor",
            "NMscChargeTax",
        ),
        required=(
            "LineType",
            "MOrderQty",
            "MPrice",
            "MForeignPrice",
            "MConvFactPrcUm",
            "MMulDivPrc",
            "MDiscPct1",
            "MDiscPct2",
            "MDiscPct3",
            "MDiscValFlag",
            "MDiscValue",
            "MCompleteFlag",
            "NMscChargeValue",
            "NMscChargeFor",
        ),
    ),
    StagedTable(
        "goods_receipts",
        (tables.GRN_DETAILS,),
        PURCHASE_ORDERS,
        (
            "Supplier",
            "Grn",
            "GrnSource",
            "Journal",
            "JournalEntry",
            "PurchaseOrder",
            "PurchaseOrderLin",
            "QtyReceived",
            "QtyUom",
            "OrigGrnValue",
            "CurrencyValue",
            "DeliveryNote",
            "OrigReceiptDate",
        ),
        required=("PurchaseOrder", "PurchaseOrderLin", "QtyReceived", "OrigGrnValue", "CurrencyValue"),
        optional=True,
    ),
    StagedTable(
        "invoice_payments",
        (tables.AP_INVOICE_PAY,),
        PAYMENTS,
        tables.AP_INVOICE_PAY.column_names,
        required=("TrnType", "PostValue", "JournalDate"),
    ),
)

ENTITIES: tuple[Entity, ...] = (
    Entity("taxCodes", MASTER_DATA, ("tax_codes",), "TaxCode", master.tax_code, touch_field="tax_code_names"),
    Entity(
        "accounts",
        MASTER_DATA,
        ("gl_accounts",),
        "GlCode",
        master.account,
        depends_on="taxCodes",
        touch_field="text5",
    ),
    Entity(
        "costCenters", MASTER_DATA, ("cost_centers",), "CostCenter", master.cost_center, touch_field="text10"
    ),
    Entity(
        "paymentTerms",
        MASTER_DATA,
        ("payment_terms",),
        "TermsCode",
        terms.payment_term,
        touch_field="payment_term_names",
    ),
    Entity(
        "vendors",
        MASTER_DATA,
        ("suppliers", "supplier_addresses"),
        "Supplier",
        suppliers.vendor,
        touch_field="description",
        maps=("currencies", "countries"),
        beside={"duplicates": DUPLICATES_SCHEMA},
        owned_there=("paymentTerms", "identifiers"),
        owned_columns=("TermsCode", "TaxRegnNum"),
    ),
    Entity(
        "matchingOrders",
        PURCHASE_ORDERS,
        ("order_headers",),
        "PurchaseOrder",
        orders.order,
        depends_on="vendors",
        touch_field="text10",
        maps=("currencies",),
    ),
    Entity(
        "matchingOrderLines",
        PURCHASE_ORDERS,
        ("order_lines", "order_headers", "goods_receipts"),
        "PurchaseOrder",
        orders.order_line,
        depends_on="matchingOrders",
        touch_field="text10",
        maps=("currencies", "units", "cost_center_section"),
    ),
)


def staged_table(name: str) -> StagedTable:
    """The staged table called `name`."""
    return next(table for table in STAGED if table.name == name)


def entity(name: str) -> Entity:
    """The entity called `name`."""
    return next(entity for entity in ENTITIES if entity.name == name)
