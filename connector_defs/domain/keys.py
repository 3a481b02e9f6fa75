"""Identity of records: how a SYSPRO key becomes a Basware externalCode and an invoice gets its marker.

Keys are kept exactly as stored (zero padding, case, blanks); trimming is for comparing and showing only.
"""

import base64
import hashlib
import re
import uuid

# Changing this namespace would orphan every record ever published: it is part of the data.
_NAMESPACE = uuid.UUID("5f0c5c8e-3b5e-5d0e-9d55-6a4f7a1c2b10")
_SEPARATOR = "\x1f"
_MARKER = re.compile(r"BW[A-Z2-7]{24}")


def external_code(entity: str, company: str, *key: str) -> str:
    """Basware externalCode of one record: 36 characters, stable for life (Basware wire notes 2.19)."""
    return str(uuid.uuid5(_NAMESPACE, _SEPARATOR.join((entity, company, *key))))


def response_code(company: str, invoice_id: str, kind: str, generation: int) -> str:
    """externalCode of a transfer or payment response: the same event keeps its code on every retry."""
    return external_code(f"response/{kind}", company, invoice_id, str(generation))


def posting_reference(company: str, invoice_id: str) -> str:
    """The marker our documents carry in SYSPRO's 30-character reference, so that a look-up knows its own."""
    digest = hashlib.sha256(_SEPARATOR.join((company, invoice_id)).encode()).digest()
    return "BW" + base64.b32encode(digest[:15]).decode("ascii")


def is_posting_reference(reference: str) -> bool:
    """True where `reference` is a marker of this connector, for whichever invoice."""
    return _MARKER.fullmatch(reference) is not None


def near_misses(wanted: str, known: "set[str] | frozenset[str]") -> list[str]:
    """Known keys that differ from `wanted` only by blanks, case or zero padding: listed, never guessed."""
    return sorted(key for key in known if key != wanted and _loose(key) == _loose(wanted))


def _loose(key: str) -> str:
    return key.strip().lstrip("0").casefold()
