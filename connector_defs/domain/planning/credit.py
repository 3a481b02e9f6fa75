"""Credit notes: a negative invoice, or SYSPRO's type C, which needs the invoice it lowers to stand in SYSPRO.

Basware has no type flag; sign and a customer's own type codes tell (Basware wire notes 3.9). Type C: SYSPRO wire
notes 2.1. That its values are positive is taken from the sandbox [inferred], so a setting turns it.
"""

from dataclasses import dataclass

from connector_defs.domain.books import Books
from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused


@dataclass(frozen=True)
class DocumentKind:
    """SYSPRO's transaction code, the invoice a credit lowers, and the factor of the document's values."""

    code: str = "I"
    original: str = ""
    sign: int = 1


def original_number(invoice: ApprovedInvoice, rules: PlanningRules) -> str:
    """Number of the invoice that a credit note says it belongs to; "" where it says none."""
    named = {
        "contractNumber": invoice.contract_number,
        "referenceNumber": invoice.reference_number,
        "description": invoice.description,
    }
    return named[rules.credit_original].strip()


def asks_for_original(rules: PlanningRules) -> bool:
    """True where credit notes are posted against their invoice."""
    return rules.credit_notes == "credit_type" and not rules.journal


def kind_of(invoice: ApprovedInvoice, number: str, books: Books, rules: PlanningRules) -> DocumentKind:
    """The kind of document; `invoice` is rightly signed."""
    if invoice.gross is None or invoice.gross >= 0 or not asks_for_original(rules):
        return DocumentKind()
    original = original_number(invoice, rules)
    if original and (invoice.supplier, original) in books.ap_invoices and original != number:
        return DocumentKind("C", original, -1 if rules.credit_type_sign == "positive" else 1)
    if rules.credit_without_original == "negative_invoice":
        return DocumentKind()
    named = f"invoice {original!r}, which SYSPRO does not hold" if original else "no invoice"
    raise Refused(
        "CREDIT_ORIGINAL",
        f"the credit note names {named}, and SYSPRO takes a credit note of type C only against an invoice it holds",
        f"name the invoice in {rules.credit_original} in Basware, or set posting.credit_without_original",
    )
