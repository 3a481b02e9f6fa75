"""Reads invoices from the wire.

Lenient where the contract is open: unknown fields are kept, absent means null, enums are open strings. Strict in
what it does read: an amount is a number, a date has a plausible year and never moves by a zone.
Not here: any judgement on the invoice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Any, Final, TypeVar, get_args, get_type_hints

from pydantic.alias_generators import to_camel

from connector_defs.basware.documents import (
    AccountingDocument,
    CodingRow,
    DocumentPage,
    GivenResponse,
    MalformedDocument,
)
from connector_defs.basware.entities import WireValue
from connector_defs.basware.wire import UNSTORABLE, Element, elements
from connector_defs.domain.money import written

T = TypeVar("T")

WRAPPER: Final = "accountingDocuments"
# Basware's ids of invoices have 36 characters; so many are kept here.
LONGEST_ID: Final = 64
# No store keeps more of an amount, and no amount has them: 1E100 is a mistake.
_MOST_DIGITS: Final = 44
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200

# A row or an invoice without these cannot be worked on at all.
_REQUIRED: Final = frozenset({"invoiceId", "companyCode", "currencyCode"})
_REQUIRED_IN_ROW: Final = frozenset({"externalCode"})

_DATE: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:Z|[+-]\d{2}:?\d{2})?)?"
)


class _UnreadableField(ValueError):
    """A field is not what the contract says; the message names it."""


@dataclass(frozen=True)
class _Reader:
    """Typed access to the fields of one object; `path` names it in messages, `notes` collects replaced texts."""

    values: Mapping[str, WireValue]
    path: str
    notes: list[str]

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise _UnreadableField(f"{self.path}{name} is not a text")
        cleaned = UNSTORABLE.sub("\ufffd", value)
        if cleaned != value:
            self.notes.append(f"{self.path}{name}: characters that cannot be stored were replaced")
        return cleaned

    def number(self, name: str) -> Decimal | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise _UnreadableField(f"{self.path}{name} is not a number")
        number = Decimal(value) if value else Decimal(0)
        if max(number.adjusted(), -int(number.as_tuple().exponent)) > _MOST_DIGITS:
            raise _UnreadableField(
                f"{self.path}{name} has more than {_MOST_DIGITS} digits when it is written out"
            )
        return number

    def whole_number(self, name: str) -> int | None:
        value = self.number(name)
        if value is None:
            return None
        if value != value.to_integral_value():
            raise _UnreadableField(f"{self.path}{name} is not a whole number")
        return int(value)

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise _UnreadableField(f"{self.path}{name} is neither true nor false")

    def business_date(self, name: str) -> date | None:
        value = self.text(name)
        if value is None:
            return None
        match = _DATE.fullmatch(value.strip())
        try:
            day = date.fromisoformat(match[1]) if match else None
        except ValueError:
            day = None
        if day is None:
            raise _UnreadableField(f"{self.path}{name} is not a date")
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise _UnreadableField(f"{self.path}{name} has the year {day.year}")
        return day

    def children(self, name: str) -> "list[_Reader]":
        return [
            _Reader(_object(value, path), f"{path}.", self.notes)
            for path, value in (
                (f"{self.path}{name}[{index}]", value) for index, value in enumerate(self._list(name))
            )
        ]

    def texts(self, name: str) -> tuple[str, ...]:
        found = []
        for index, value in enumerate(self._list(name)):
            text = _Reader({f"{name}[{index}]": value}, self.path, self.notes).text(f"{name}[{index}]")
            if text is not None:
                found.append(text)
        return tuple(found)

    def _list(self, name: str) -> list[WireValue]:
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _UnreadableField(f"{self.path}{name} is not a list")
        return value


def _object(value: WireValue, path: str) -> dict[str, WireValue]:
    if not isinstance(value, dict):
        raise _UnreadableField(f"{path} is not an object")
    return value


_READ_AS: Final[Mapping[type, Callable[[_Reader, str], object]]] = MappingProxyType(
    {
        str: _Reader.text,
        Decimal: _Reader.number,
        int: _Reader.whole_number,
        bool: _Reader.flag,
        date: _Reader.business_date,
    }
)
_ABSENT: Final[Mapping[type, object]] = MappingProxyType({str: "", bool: False})


def wire_fields(shape: type) -> dict[str, tuple[str, type, bool]]:
    """Per plain field of a dataclass its wire name, its kind, and whether it may be None."""
    hints = get_type_hints(shape)
    found = {}
    for field in fields(shape):
        hint = hints[field.name]
        kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
        if len(kinds) == 1 and kinds[0] in _READ_AS and field.name != "text":
            found[field.name] = (to_camel(field.name), kinds[0], hint is not kinds[0])
    return found


_DOCUMENT_FIELDS: Final = wire_fields(AccountingDocument)
_ROW_FIELDS: Final = wire_fields(CodingRow)
_RESPONSE_FIELDS: Final = wire_fields(GivenResponse)
# In invoice currency.
_SUMS: Final = frozenset({"net_sum", "gross_sum", "tax_sum1", "tax_sum2", "cash_sum"})
_ROW_SUMS: Final = frozenset(
    {"net_total", "gross_total", "tax_sum", "tax_sum2", "matched_net_sum", "matched_gross_sum"}
)


def read_page(body: bytes) -> DocumentPage:
    """The page of an answer; BadJson (wire) when the page around the documents cannot be read."""
    documents: list[AccountingDocument] = []
    malformed: list[MalformedDocument] = []
    for element in elements(body, WRAPPER):
        try:
            documents.append(_document(element))
        except MalformedDocument as error:
            malformed.append(error)
    return DocumentPage(tuple(documents), tuple(malformed))


def read_document(text: str) -> AccountingDocument:
    """The invoice of a stored `text`; MalformedDocument when it cannot be read."""
    (element,) = elements(b"[" + text.encode("utf-8") + b"]", WRAPPER)
    return _document(element)


def _document(element: Element) -> AccountingDocument:
    if not isinstance(element.value, dict):
        raise MalformedDocument(element.flaw or "it is not an object", invoice_id=None, text=element.text)
    invoice_id = element.value.get("invoiceId")
    readable = UNSTORABLE.sub("\ufffd", invoice_id) if isinstance(invoice_id, str) and invoice_id else None
    if element.flaw:
        raise MalformedDocument(element.flaw, invoice_id=readable, text=element.text)
    if readable and len(readable) > LONGEST_ID:
        reason = f"invoiceId has more than {LONGEST_ID} characters"
        raise MalformedDocument(reason, invoice_id=readable, text=element.text)
    notes: list[str] = []
    invoice = _Reader(element.value, "", notes)
    try:
        plain = _plain(invoice, _DOCUMENT_FIELDS, _REQUIRED)
        currency = plain["currency_code"]
        return AccountingDocument(
            **_in_currency(plain, _SUMS, currency),
            order_numbers=invoice.texts("orderNumbers"),
            coding_rows=tuple(_coding_row(row, currency) for row in invoice.children("codingRows")),
            transfer_parameters=tuple(
                (parameter.text("key") or "", parameter.text("value") or "")
                for parameter in invoice.children("transferParameters")
            ),
            transfer_responses=_responses(invoice, "transferResponses"),
            prebook_responses=_responses(invoice, "prebookResponses"),
            payment_responses=_responses(invoice, "paymentResponses"),
            notes=tuple(notes),
            raw=element.value,
            text=element.text,
        )
    except _UnreadableField as error:
        raise MalformedDocument(str(error), invoice_id=readable, text=element.text) from None


def _coding_row(row: _Reader, currency: str) -> CodingRow:
    return CodingRow(
        **_in_currency(_plain(row, _ROW_FIELDS, _REQUIRED_IN_ROW), _ROW_SUMS, currency),
        dimensions=tuple(row.text(f"dimCode{number}") for number in range(1, 11)),
        texts=tuple(row.text(f"text{number}") for number in range(1, 6)),
    )


def _in_currency(plain: dict[str, Any], sums: frozenset[str], currency: str) -> dict[str, Any]:
    """The fields with their sums in the decimals of the currency: Basware writes 1250.000000 as well as 179.1."""
    return plain | {
        name: written(plain[name], currency) for name in sums if isinstance(plain.get(name), Decimal)
    }


def _responses(invoice: _Reader, name: str) -> tuple[GivenResponse, ...]:
    return tuple(
        GivenResponse(**_plain(response, _RESPONSE_FIELDS, frozenset()))
        for response in invoice.children(name)
    )


def _plain(
    reader: _Reader, table: Mapping[str, tuple[str, type, bool]], required: frozenset[str]
) -> dict[str, Any]:
    """The plain fields by attribute name; their types are those of the dataclass the table was made from."""
    found: dict[str, Any] = {}
    for attribute, (wire_name, kind, optional) in table.items():
        value = _READ_AS[kind](reader, wire_name)
        if value is None and wire_name in required:
            raise _UnreadableField(f"{reader.path}{wire_name} is missing")
        found[attribute] = _ABSENT[kind] if value is None and not optional else value
    return found
