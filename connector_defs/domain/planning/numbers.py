"""The invoice number SYSPRO gets, and the texts that tell the original where it had to be shortened.

Source: SYSPRO wire notes 2.1 (20 characters), traps 14 and 15. Nothing is ever cut in silence.
"""

import base64
import hashlib
from dataclasses import dataclass

from connector_defs.domain.invoices import ApprovedInvoice
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused
from connector_defs.domain.text import for_windows_1252

INVOICE_NUMBER_LIMIT = 20
NOTE_LIMIT = 30
_KEPT, _DIGEST = 13, 6


@dataclass(frozen=True)
class NumberAndTexts:
    """`number` is SYSPRO's, the notations name the document to a reader of the ledger."""

    number: str
    notation: str
    journal_notation: str
    remarks: tuple[str, ...]


def number_of(invoice: ApprovedInvoice, rules: PlanningRules) -> NumberAndTexts:
    """The number, shortened by rule where it is too long; the original then stands in the notations."""
    number = invoice.number.strip()
    if not number:
        raise Refused(
            "NUMBER_MISSING", "the invoice has no invoice number", "enter it in Basware and transfer again"
        )
    if for_windows_1252(number).text != number:
        raise Refused(
            "NUMBER_CHARACTERS",
            f"invoice number {number!r} has characters SYSPRO cannot hold",
            "correct the number in Basware",
        )
    if rules.journal:
        # A journal has no invoice number; it names the invoice in words.
        return _named(number, f"{number} {invoice.supplier.strip().lstrip('0')}", invoice)
    if len(number) <= INVOICE_NUMBER_LIMIT:
        return _named(number, f"Basware {invoice.description}", invoice)
    short = _shortened(number, rules)
    original = for_windows_1252(number)
    first, rest = original.text[:NOTE_LIMIT], original.text[NOTE_LIMIT:]
    second = for_windows_1252(rest, NOTE_LIMIT)
    remarks = [f"invoice number {number!r} is posted as {short!r}"]
    if second.lost:
        remarks.append(f"of the invoice number {second.lost!r} is not in SYSPRO's notations")
    return NumberAndTexts(short, first, second.text, (*remarks, *invoice.notes))


def posted_number(number: str, rules: PlanningRules) -> str:
    """The number under which a document with this one stands in SYSPRO; itself where no rule shortens it."""
    number = number.strip()
    if rules.journal or len(number) <= INVOICE_NUMBER_LIMIT:
        return number
    try:
        return _shortened(number, rules)
    except Refused:
        return number


def _shortened(number: str, rules: PlanningRules) -> str:
    match rules.long_numbers:
        case "tail":
            return number[-INVOICE_NUMBER_LIMIT:].strip()
        case "hash":
            digest = base64.b32encode(hashlib.sha256(number.encode()).digest()).decode("ascii")
            return f"{number[:_KEPT]}-{digest[:_DIGEST]}"
    raise Refused(
        "NUMBER_TOO_LONG",
        f"invoice number {number!r} has {len(number)} characters, SYSPRO takes {INVOICE_NUMBER_LIMIT}",
        "agree on a shorter number in Basware, or set posting.long_numbers; it is never cut in silence",
    )


def _named(number: str, notation: str, invoice: ApprovedInvoice) -> NumberAndTexts:
    texts = for_windows_1252(notation, NOTE_LIMIT)
    remarks = [f"characters lost in notation: {texts.lost!r}"] if texts.lost else []
    return NumberAndTexts(number, texts.text, "", (*remarks, *invoice.notes))
