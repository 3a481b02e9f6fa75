"""APSSSP, supplier maintenance: Add, Update and Delete of suppliers with their addresses.

Source: SYSPRO wire notes 2.4. In an update left-out elements keep their value and empty ones blank it.
Answers are lower case down to the fields, as recorded for setup objects.
"""

from dataclasses import dataclass

from lxml import etree

from connector_defs.sandbox.syspro.sessions import EnetError
from connector_defs.sandbox.syspro.xml_replies import FieldError, Node, document, reply, texts_of
from connector_defs.sandbox.world.schema import Column
from connector_defs.sandbox.world.tables import TableStore, Value

# Elements that must name a row of another table: table, width of its key, what it is called.
_REFERENCES = {
    "TermsCode": ("TblApTerms", 2, "Terms code"),
    "DefTaxCode": ("AdmTax", 3, "Tax code"),
    "Currency": ("TblCurrency", 3, "Currency"),
}
_FLAGS = ("OnHold", "GrnMatchReqd", "PurchOrdAllowed", "PayByEft")
_READ_ONLY = ("Supplier", "CurrentBalance", "DateSuppAdded", "LastPurchDate", "LastChequeDate")


@dataclass(frozen=True, slots=True)
class SupplierSetup:
    """The business object over ApSupplier and ApSupplierAddr."""

    tables: dict[str, TableStore]

    def apply(self, action: str, xml_parameters: str, xml_in: str) -> str:
        """Validate and apply one SetupApSupplier document; the answer as text."""
        validate_only = _parameters(xml_parameters).get("ValidateOnly") == "Y"
        elements = document(xml_in, "SetupApSupplier").findall("Item")
        if not elements:
            raise EnetError("e.net exception raised: 100005 Document holds no Item")
        children: list[Node] = []
        invalid = 0
        for element in elements:
            supplier, errors = self._one(action, element, validate_only=validate_only)
            invalid += bool(errors)
            key: Node = ("key", [("supplier", supplier)])
            children.append(("item", [key, *(error.node() for error in errors)]))
        status: Node = (
            "StatusOfItems",
            [("RecordsRead", f"{len(elements):06d}"), ("RecordsInvalid", f"{invalid:06d}")],
        )
        return reply("setupapsupplier", [*children, status], version="8.0.015")

    def _one(
        self, action: str, element: etree._Element, *, validate_only: bool
    ) -> tuple[str, list[FieldError]]:
        key = element.find("Key")
        supplier = texts_of(key).get("Supplier", "") if key is not None else ""
        if not supplier:
            return supplier, [
                FieldError(("supplier",), "", 100030, "Element {Key}{Supplier} cannot be spaces")
            ]
        known = len(supplier) <= 15 and self.tables["ApSupplier"].get(supplier) is not None
        if action == "Add" and known:
            text = f"Duplicate key '{supplier}' on table 'ApSupplier'"
            return supplier, [FieldError(("supplier",), supplier, 120001, text)]
        if action != "Add" and not known:
            return supplier, [FieldError(("supplier",), supplier, 110001, f"Supplier '{supplier}' not found")]
        texts = texts_of(element)
        errors = self._errors(texts)
        if not errors and not validate_only:
            self._write(action, supplier, texts)
        return supplier, errors

    def _errors(self, texts: dict[str, str]) -> list[FieldError]:
        errors = []
        for name, (table, width, thing) in _REFERENCES.items():
            value = texts.get(name, "")
            if value and (len(value) > width or self.tables[table].get(value) is None):
                errors.append(FieldError((name.lower(),), value, 110005, f"{thing} '{value}' not found"))
        for name in _FLAGS:
            if texts.get(name, "") not in ("", "Y", "N"):
                text = f"Value '{texts[name]}' is invalid. Valid values are Y, N"
                errors.append(FieldError((name.lower(),), texts[name], 100031, text))
        for name, value in texts.items():
            column = self._column(name)
            if column is not None and len(value) > column.size:
                text = f"{name} is longer than {column.size} characters"
                errors.append(FieldError((name.lower(),), value, 100032, text))
        return errors

    def _column(self, name: str) -> Column | None:
        for table in (self.tables["ApSupplier"], self.tables["ApSupplierAddr"]):
            if name in table.position and name not in _READ_ONLY:
                return table.schema.columns[table.position[name]]
        return None

    def _write(self, action: str, supplier: str, texts: dict[str, str]) -> None:
        for table in (self.tables["ApSupplier"], self.tables["ApSupplierAddr"]):
            if action == "Delete":
                table.delete((supplier,))
                continue
            changes: dict[str, Value] = {
                name: value
                for name, value in texts.items()
                if name in table.position and name not in _READ_ONLY
            }
            if action == "Add":
                table.insert({"Supplier": supplier, **changes})
            elif table.get(supplier) is not None:
                table.update((supplier,), changes)


def _parameters(xml_parameters: str) -> dict[str, str]:
    if not xml_parameters.strip():
        return {}
    found = document(xml_parameters, "SetupApSupplier").find("Parameters")
    return {} if found is None else texts_of(found)
