"""APSSSP: change fields of an existing supplier (`Setup/Update`).

Belongs here: which fields the connector may change, the document and its reply. Bank data is not among them:
it never flows into SYSPRO. Source: SYSPRO wire notes 2.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from connector_defs.syspro import xml
from connector_defs.syspro.documents import outcome
from connector_defs.syspro.documents.outcome import FieldError, Rejection

__all__ = ["BUSINESS_OBJECT", "CHANGEABLE", "FieldError", "Rejection", "SupplierSaved", "build", "read"]

BUSINESS_OBJECT = "APSSSP"

SUPPLIER_LENGTH = 15

# Element -> longest text, in schema order. TaxRegnNum is 20 in older and 30 in newer releases (trap 33);
# SYSPRO itself refuses what its own release cannot hold.
CHANGEABLE: Mapping[str, int] = {"TermsCode": 2, "TaxRegnNum": 30, "DefTaxCode": 3}


@dataclass(frozen=True)
class SupplierSaved:
    """SYSPRO saved the supplier."""

    supplier: str
    warnings: tuple[str, ...]


def build(supplier: str, changes: Mapping[str, str]) -> tuple[str, str]:
    """XmlParameters and XmlIn for the given elements of `CHANGEABLE`; others are left out of the document.

    ValueError for a field that may not be changed, a blank value (it would empty the field), or no change.
    """
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown:
        raise ValueError(f"{unknown[0]} of supplier {supplier} is not the connector's to change")
    if not changes:
        raise ValueError(f"nothing to change on supplier {supplier}")
    parameters_root = xml.new_document("SetupApSupplier", "APSSSP.XSD")
    parameters = etree.SubElement(parameters_root, "Parameters")
    for name, text in (("IgnoreWarnings", "N"), ("ApplyIfEntireDocumentValid", "Y"), ("ValidateOnly", "N")):
        xml.add(parameters, name, text)
    root = xml.new_document("SetupApSupplier", "APSSSPDOC.XSD")
    item = etree.SubElement(root, "Item")
    key = etree.SubElement(item, "Key")
    xml.add_required(key, "Supplier", supplier, max_length=SUPPLIER_LENGTH)
    for name, longest in CHANGEABLE.items():
        if name in changes:
            xml.add_required(item, name, changes[name], max_length=longest)
    return xml.serialise(parameters_root), xml.serialise(root)


def read(reply: str) -> SupplierSaved | Rejection:
    """What the reply says; OutcomeUnknown where it names neither an error nor the supplier.

    An error reply names the supplier's key as well (wire notes 1.9), so here an error outweighs the key.
    """
    root = outcome.root_of(reply, BUSINESS_OBJECT)
    refused = outcome.rejection(root)
    if refused is not None:
        return refused
    for key in xml.descendants(root, "Key"):
        supplier = xml.first_text(key, "Supplier")
        if supplier:
            return SupplierSaved(supplier, outcome.warnings(root))
    raise outcome.neither(BUSINESS_OBJECT)
