"""Reading and writing of SYSPRO's XML texts: decoding, a hardened parser, look-up without case, escaping.

A reply is small: a posting answers in a few kilobytes, a thousand rows of a look-up in some hundred. What is far
larger, or holds far more elements, is refused before a parser sees it.

Belongs here: what is true of every document. What a given business object's elements mean is in `documents`.
Source: SYSPRO wire notes 1.5, 1.9, 5.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree

Element = etree._Element

DECLARATION = '<?xml version="1.0" encoding="Windows-1252"?>'
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_MAX_WRAPPERS = 3
MAX_CHARACTERS = 8_000_000
# Signs that begin an element, end one, or give an attribute its value. Read, each is up to 250 bytes.
MAX_SIGNS = 200_000
_SIGNS = "<="
# A number has 38 digits at most; what is printed around them is separators and padding.
_MAX_NUMBER = 80
_MOST_COUNTED = 10**18
_SHOWN = 200

# Declared names that are believed. Others, such as UTF-7 or punycode, can say one thing in many ways, or take ages.
_ENCODINGS = re.compile(r"(?:windows-|cp)125[0-8]|iso-8859-\d{1,2}|latin-?[19]|us-ascii")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DOCTYPE = "<!DOCTYPE"
# How a text of two or four bytes a character begins: by its mark, or by a bracket between zeros. A declaration that
# can be read byte by byte is of neither, whatever it claims.
_WIDE = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_STRING_WRAPPER = re.compile(r"(?:<\?xml[^>]*\?>\s*)?<(?:\w+:)?string[\s/>]")
# What XML 1.0 does not allow; replies have been seen to echo what was typed.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?-?\Z", re.ASCII)


class UnreadableXml(ValueError):
    """The text is no well-formed XML document, or one that is refused for safety."""


def decode(body: bytes) -> str:
    """The text of a reply body: byte-order mark, then UTF-8 where it holds, then the declared or cp1252.

    Replies declare Windows-1252 and carry no charset header. Text beyond ASCII that is valid UTF-8 was
    written as UTF-8, whatever its declaration says; cp1252 text hardly ever is.
    """
    for beginning, encoding in _WIDE:
        if body.startswith(beginning):
            return body.decode(encoding, errors="replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = _DECLARED.search(body[:200])
    name = declared.group(1).decode("ascii").lower() if declared else "cp1252"
    for encoding in (name if _ENCODINGS.fullmatch(name) else "cp1252", "cp1252"):
        try:
            return body.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("latin-1")


def unwrap(text: str) -> str:
    """The text without surrounding blanks, JSON quotes or a `<string>` element, as some services add them."""
    text = text.strip("\ufeff\x00 \t\r\n")
    for _ in range(_MAX_WRAPPERS):
        inner = _unwrapped_once(text)
        if inner is None:
            break
        text = inner.strip("\ufeff\x00 \t\r\n")
    return text


def _unwrapped_once(text: str) -> str | None:
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        try:
            inner = json.loads(text, strict=False)
        except ValueError:
            return None
        return inner if isinstance(inner, str) else None
    if _STRING_WRAPPER.match(text):
        try:
            root = parse(text)
        except UnreadableXml:
            return None
        return root.text or "" if len(root) == 0 else None
    return None


def parse(text: str) -> Element:
    """Root of a document; `UnreadableXml` for anything malformed, for any DOCTYPE, and for what is no honest size.

    No entities, no network, no huge trees (libxml2 then stops at 256 levels and at 10 MB of one text).
    """
    if len(text) > MAX_CHARACTERS:
        raise UnreadableXml(f"longer than {MAX_CHARACTERS:,} characters")
    if sum(map(text.count, _SIGNS)) > MAX_SIGNS:
        raise UnreadableXml("more elements than any reply has")
    # Before the parser sees it: entities in attributes are replaced while it reads.
    if _DOCTYPE in text:
        raise UnreadableXml("a document type declaration is not accepted")
    declaration = _DECLARATION.match(text)
    body = _FORBIDDEN.sub("", text[declaration.end() :] if declaration else text).strip()
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableXml(f"not well-formed XML: {(error.msg or '')[:_SHOWN]}") from None


def name_of(element: Element) -> str:
    """Local name as written, without namespace."""
    return element.tag.rpartition("}")[2]


def children(element: Element, name: str) -> Iterator[Element]:
    """Direct children of that name, whatever its case."""
    return (child for child in element if name_of(child).casefold() == name.casefold())


def child(element: Element, name: str) -> Element | None:
    """First direct child of that name, whatever its case."""
    return next(children(element, name), None)


def descendants(element: Element, *names: str) -> Iterator[Element]:
    """The element itself and everything below it with one of the names, in document order, whatever the case."""
    wanted = {name.casefold() for name in names}
    return (each for each in element.iter() if name_of(each).casefold() in wanted)


def text_of(element: Element | None) -> str:
    """Text of an element without the blanks around it; empty for none."""
    return "" if element is None else (element.text or "").strip()


def first_text(root: Element, *path: str) -> str:
    """Text at the path of child names below `root`, blanks trimmed; empty where it does not exist."""
    element: Element | None = root
    for name in path:
        if element is None:
            break
        element = child(element, name)
    return text_of(element)


def number(text: str) -> Decimal:
    """A printed number: blank padded, zero padded, with thousands separators or a trailing minus.

    `"   38,400.000"` is 38400.000. ValueError for anything else, a decimal comma included.
    """
    stripped = text.strip()
    if len(stripped) > _MAX_NUMBER:
        raise ValueError(f"{stripped[:_MAX_NUMBER]!r} and so on is no number as SYSPRO prints it")
    if not any(digit.isdigit() for digit in stripped) or not _NUMBER.match(stripped):
        raise ValueError(f"{text!r} is not a number as SYSPRO prints it")
    sign = "-" if stripped.endswith("-") else ""
    if sign and stripped[0] in "+-":
        raise ValueError(f"{text!r} has two signs")
    return Decimal(sign + stripped.rstrip("-").replace(",", ""))


def count(text: str) -> int | None:
    """A printed counter or key number (`00017`); None for blank, and for what is no whole number of any counter."""
    try:
        value = number(text)
    except ValueError:
        return None
    return int(value) if abs(value) < _MOST_COUNTED and value == value.to_integral_value() else None


def new_document(root: str, schema: str) -> Element:
    """Root element with the schema attributes every request carries (wire notes 2)."""
    element = etree.Element(root, nsmap={"xsd": _SCHEMA_INSTANCE})
    element.set(f"{{{_SCHEMA_INSTANCE}}}noNamespaceSchemaLocation", schema)
    return element


def add(parent: Element, name: str, text: str | None, *, max_length: int | None = None) -> None:
    """Append a child with text; a blank one is left out.

    ValueError naming the element for text over `max_length` or holding characters the wire cannot carry.
    """
    if text is None or not text.strip():
        return
    if max_length is not None and len(text) > max_length:
        raise ValueError(f"{name} '{text}' is longer than the {max_length} characters SYSPRO takes")
    etree.SubElement(parent, name).text = carried(name, text)


def add_required(parent: Element, name: str, text: str, *, max_length: int | None = None) -> None:
    """As `add`, with ValueError for blank text."""
    if not text.strip():
        raise ValueError(f"{name} is blank")
    add(parent, name, text, max_length=max_length)


def day(value: date) -> str:
    """A business date as SYSPRO takes it, CCYY-MM-DD."""
    return f"{value.year:04}-{value.month:02}-{value.day:02}"


def carried(name: str, text: str) -> str:
    """The text itself, or ValueError naming the field where Windows-1252 or XML 1.0 cannot carry it."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds {text[error.start]!a}, which the Windows-1252 text of SYSPRO cannot carry"
        ) from None
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        raise ValueError(f"{name} holds {forbidden.group()!a}, which XML cannot carry")
    return text


def amount(name: str, value: Decimal, places: int = 2) -> str:
    """A number in plain notation with exactly `places` decimals; ValueError where that would round it."""
    try:
        exact = value.quantize(Decimal(1).scaleb(-places))
    except InvalidOperation:
        exact = None
    if exact is None or not exact.is_finite() or exact != value:
        raise ValueError(f"{name} {value} is no number of at most {places} decimals")
    return format(exact or abs(exact), "f")


def serialise(root: Element) -> str:
    """The document as text, declared as Windows-1252; the transport decides about bytes."""
    return f"{DECLARATION}\n{etree.tostring(root, encoding='unicode')}"
