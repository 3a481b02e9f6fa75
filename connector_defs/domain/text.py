"""Text between two systems: what SYSPRO's Windows-1252 can hold, and what no ledger should."""

import unicodedata
from dataclasses import dataclass

# Letters that decomposition does not take apart.
_SPECIAL = str.maketrans(
    {
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "ħ": "h",
        "Ħ": "H",
        "\u2011": "-",
        "\u2212": "-",
        "\u00a0": " ",
    }
)


@dataclass(frozen=True)
class CleanText:
    """`text` can be written; `lost` are the characters that could not be carried."""

    text: str
    lost: str = ""


def for_windows_1252(text: str, limit: int | None = None) -> CleanText:
    """Transliterate to Windows-1252, drop control characters, cut at `limit`; what was lost is told."""
    lost: list[str] = []
    kept: list[str] = []
    for character in text:
        replacement = _carry(character)
        if replacement is None:
            lost.append(character)
        else:
            kept.append(replacement)
    result = " ".join("".join(kept).split())
    if limit is not None and len(result) > limit:
        lost.append(result[limit:])
        result = result[:limit].rstrip()
    return CleanText(result, "".join(lost))


def _carry(character: str) -> str | None:
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co", "Cf"):
        return None
    if _encodable(character):
        return character
    plain = unicodedata.normalize("NFKD", character.translate(_SPECIAL))
    plain = "".join(part for part in plain if not unicodedata.combining(part))
    return plain if plain and all(_encodable(part) for part in plain) else None


def _encodable(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def without_controls(text: str) -> str:
    """`text` without characters that JSON consumers and XML 1.0 cannot carry; blanks stay as they are."""
    return "".join(
        character
        for character in text
        if unicodedata.category(character) not in ("Cc", "Cs", "Cn") or character in "\t\n"
    )
