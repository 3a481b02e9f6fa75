"""Puts the whole simulated company together from one seed."""

import random
from dataclasses import dataclass

from connector_defs.sandbox.world import ledger_codes
from connector_defs.sandbox.world.history import past_postings
from connector_defs.sandbox.world.invoices import (
    Books,
    Document,
    InvoiceKind,
    approved_invoices,
    usable_expense,
)
from connector_defs.sandbox.world.kinds import unusual_lines, unusual_suppliers, unusual_terms
from connector_defs.sandbox.world.ledger_codes import Record
from connector_defs.sandbox.world.options import WorldOptions
from connector_defs.sandbox.world.orders import purchase_orders
from connector_defs.sandbox.world.schema import SCHEMAS
from connector_defs.sandbox.world.suppliers import addresses, suppliers
from connector_defs.sandbox.world.tables import TableStore


@dataclass(frozen=True, slots=True)
class World:
    """One SYSPRO company and the invoices approved for it in Basware.

    `tables` holds every served table by name; `invoices` the AccountingDocumentEntity documents with
    Decimal amounts; `invoice_kinds` tells by invoiceId what each of them was made to show.
    """

    options: WorldOptions
    tables: dict[str, TableStore]
    invoices: list[Document]
    invoice_kinds: dict[str, InvoiceKind]


def build_world(options: WorldOptions | None = None) -> World:
    """The world of these options; the same options give the same world."""
    options = options or WorldOptions()
    accounts = ledger_codes.accounts(options, _dice(options, "accounts"))
    cost_centers = ledger_codes.cost_centers(options)
    traders = suppliers(options, _dice(options, "suppliers"))
    expense_codes = [str(row["GlCode"]) for row in accounts if usable_expense(row)]
    book = purchase_orders(options, traders, expense_codes, _dice(options, "orders"))
    places = addresses(traders, _dice(options, "addresses"))
    unusual_suppliers(traders, places)
    unusual_lines(book)
    approved = approved_invoices(
        options, Books(traders, accounts, cost_centers, book), _dice(options, "invoices")
    )
    records: dict[str, list[Record]] = {
        "ApSupplier": traders,
        "ApSupplierAddr": places,
        "GenMaster": accounts,
        "GenAnalysisCode": cost_centers,
        "TblApTerms": ledger_codes.terms() + unusual_terms(options),
        "AdmTax": ledger_codes.taxes(options),
        "TblCurrency": ledger_codes.currencies(),
        "PorMasterHdr": book.headers,
        "PorMasterDetail": book.lines,
        "GrnDetails": book.receipts,
        "ApControl": [ledger_codes.ap_control(options)],
        "GenControl": [ledger_codes.gen_control(options)],
        **past_postings(options, traders, expense_codes, _dice(options, "history")).tables,
    }
    tables = {name: TableStore(schema) for name, schema in SCHEMAS.items()}
    for name, store in tables.items():
        store.load(records.get(name, []))
    return World(options, tables, approved.documents, approved.kinds)


def _dice(options: WorldOptions, part: str) -> random.Random:
    return random.Random(f"{options.seed}:{part}")
