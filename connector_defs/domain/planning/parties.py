"""The supplier and the dates of an invoice, checked against the books."""

from datetime import date

from connector_defs.domain.books import Books, Supplier
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused

# Outside of these a year is a slip of the pen, not a business date.
_FIRST_YEAR, _LAST_YEAR = 1980, 2100


def supplier_of(invoice: ApprovedInvoice, books: Books, rules: PlanningRules) -> Supplier:
    """The supplier exactly as named, free to be posted to, in the invoice's currency."""
    _refuse_others(invoice, rules)
    supplier = books.suppliers.get(invoice.supplier)
    if supplier is None:
        near = books.supplier_neighbours.get(invoice.supplier, [])
        hint = (
            f"; SYSPRO has {', '.join(repr(code) for code in near)}, which is not taken for it"
            if near
            else ""
        )
        raise Refused(
            "SUPPLIER_UNKNOWN",
            f"supplier {invoice.supplier!r} is not in SYSPRO{hint}",
            "create the supplier in SYSPRO or correct it on the invoice, then retry",
        )
    if supplier.on_hold:
        raise Refused(
            "SUPPLIER_ON_HOLD",
            f"supplier {supplier.code!r} is on hold in SYSPRO",
            "release the supplier in SYSPRO, then retry",
        )
    if supplier.currency is None:
        raise Refused(
            "CURRENCY_UNMAPPED",
            f"SYSPRO currency key {supplier.currency_key!r} of supplier {supplier.code!r} has no ISO code",
            "add it to [currencies] in connector.toml, then retry",
        )
    if supplier.currency != invoice.currency:
        raise Refused(
            "CURRENCY_MISMATCH",
            f"the invoice is in {invoice.currency}, supplier {supplier.code!r} is kept in {supplier.currency}",
            "correct the currency in Basware, or use the supplier's account in that currency",
        )
    return supplier


def _refuse_others(invoice: ApprovedInvoice, rules: PlanningRules) -> None:
    """A code of another system may be the code of another supplier here (Basware wire notes 3.16)."""
    source = invoice.supplier_source.strip()
    if source and source.casefold() not in {known.strip().casefold() for known in rules.supplier_sources}:
        raise Refused(
            "SUPPLIER_OTHER_SOURCE",
            f"supplier {invoice.supplier!r} is one of source system {source!r} in Basware, not of SYSPRO",
            "choose SYSPRO's supplier on the invoice in Basware; where the codes of that system are SYSPRO's, name it in "
            "basware.supplier_sources; then retry",
        )


def dates_of(invoice: ApprovedInvoice) -> tuple[date, date | None]:
    """Invoice date and due date."""
    if invoice.invoice_date is None:
        raise Refused(
            "DATE_MISSING", "the invoice has no invoice date", "enter it in Basware and transfer it again"
        )
    named = (("invoice", invoice.invoice_date), ("due", invoice.due_date), ("voucher", invoice.voucher_date))
    for name, day in named:
        if day is not None and not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            raise Refused(
                "DATE_IMPLAUSIBLE", f"{name} date {day} cannot be meant", "correct the dates in Basware"
            )
    if invoice.due_date is not None and invoice.due_date < invoice.invoice_date:
        raise Refused(
            "DATE_ORDER",
            f"due date {invoice.due_date} is before invoice date {invoice.invoice_date}",
            "correct the dates in Basware",
        )
    return invoice.invoice_date, invoice.due_date
