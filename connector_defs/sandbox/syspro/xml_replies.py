"""How e.net reads a request document and lays out its answer.

Source: SYSPRO wire notes 1.5 and 1.9: Windows-1252, single-quoted root attributes, one element per line,
`<X/>` for empty, after the root one LF and one blank.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias
from xml.sax.saxutils import escape

from lxml import etree

from connector_defs.sandbox.syspro.sessions import EnetError

Node: TypeAlias = tuple[str, "str | list[Node]"]

DECLARATION = '<?xml version="1.0" encoding="Windows-1252"?>\n'
_OWN_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused element: where it stands in the item, what it held, and why not."""

    path: tuple[str, ...]
    value: str
    number: int
    text: str

    def node(self) -> Node:
        node: Node = (
            self.path[-1],
            [
                ("Value", self.value),
                ("ErrorNumber", str(self.number)),
                ("ErrorDescription", self.text),
            ],
        )
        for name in reversed(self.path[:-1]):
            node = (name, [node])
        return node


def reply(root: str, children: list[Node], *, version: str = "8.0.021") -> str:
    """A whole answer of a business object."""
    attributes = (
        f"Language='05' Language2='EN' CssStyle='' DecFormat='1' DateFormat='01' Role='01' "
        f"Version='{version}' OperatorPrimaryRole='   '"
    )
    lines = [f"<{root} {attributes}>"]
    for child in children:
        _lay_out(child, lines)
    lines.append(f"</{root}>")
    return DECLARATION + "\n".join(lines) + "\n "


def _lay_out(node: Node, lines: list[str]) -> None:
    name, content = node
    if isinstance(content, str):
        lines.append(f"<{name}>{escape(content)}</{name}>" if content else f"<{name}/>")
        return
    if not content:
        lines.append(f"<{name}/>")
        return
    lines.append(f"<{name}>")
    for child in content:
        _lay_out(child, lines)
    lines.append(f"</{name}>")


def document(text: str, root: str) -> etree._Element:
    """The parsed request document; EnetError when it is no XML or has another root.

    What Windows-1252 cannot hold arrives as `?`, as it does behind a COBOL file.
    """
    held = _OWN_DECLARATION.sub("", text).encode("cp1252", "replace").decode("cp1252")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        element = etree.fromstring(held.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise EnetError(f"e.net exception raised: 100003 Invalid XML: {error.msg}") from None
    if element.tag != root:
        raise EnetError(f"e.net exception raised: 100004 Root element '{element.tag}' is not '{root}'")
    return element


def text_of(element: etree._Element, name: str, default: str = "") -> str:
    """Trimmed text of a direct child, compared by exact name; `default` where it is missing or empty."""
    found = element.find(name)
    return default if found is None else ((found.text or "").strip() or default)


def texts_of(element: etree._Element) -> dict[str, str]:
    """Text of every childless child, by name; the first of a name counts. A leading blank is part of a key."""
    texts: dict[str, str] = {}
    for child in element:
        if isinstance(child.tag, str) and not len(child):
            texts.setdefault(child.tag, (child.text or "").strip("\r\n\t").rstrip(" "))
    return texts
