"""Asking SYSPRO about a document without posting it: ValidateOnly=Y (SYSPRO wire notes 2.1, 2.3).

Belongs here: what proves that a document only asks, and what the reply to one means. The documents themselves are
in their own rooms.
"""

from dataclasses import dataclass

from connector_defs.domain.errors import OutcomeUnknown
from connector_defs.syspro import xml
from connector_defs.syspro.documents import outcome
from connector_defs.syspro.documents.outcome import Rejection
from connector_defs.syspro.xml import Element


@dataclass(frozen=True)
class Validated:
    """SYSPRO checked the document and has nothing against it.

    `key` is the journal that the reply names all the same: then it may have been posted.
    """

    warnings: tuple[str, ...]
    key: str = ""


def validates_only(xml_parameters: str) -> bool:
    """True where these parameters make SYSPRO check and post nothing: exactly one ValidateOnly, in its place, Y.

    SYSPRO drops what it does not know in silence (trap 12), so a name in other letters would post.
    """
    try:
        root = xml.parse(xml_parameters)
    except xml.UnreadableXml:
        return False
    everywhere = [element for element in root.iter() if xml.name_of(element).casefold() == "validateonly"]
    in_place = root.findall("Parameters/ValidateOnly")
    return everywhere == in_place and [element.text for element in in_place] == ["Y"]


def verdict(root: Element, business_object: str, root_name: str, key: str) -> Validated | Rejection:
    """What a reply says of a document sent with ValidateOnly=Y; `key` is the journal it names, if any.

    Nothing was posted, so a success has no key to show: what carries no complaint is one. OutcomeUnknown where
    the reply is not this business object's, or names both a journal and a complaint.
    """
    if xml.name_of(root).casefold() != root_name or not len(root):
        raise OutcomeUnknown(f"{business_object}: the reply to a validation is not one of {business_object}.")
    refused = outcome.rejection(root)
    if refused is not None and key:
        raise outcome.contradiction(business_object, key, refused)
    return refused or Validated(outcome.warnings(root), key)
