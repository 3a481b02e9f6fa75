"""Text between two systems: what SYSPRO's Windows-1252 can hold, and what no ledger should."""

import unicodedata
from dataclasses import dataclass

# Letters and signs that decomposition does not take apart, and those it would take apart wrongly.
_LATIN = {
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ħ": "h", "Ħ": "H", "ŧ": "t", "Ŧ": "T", "ŋ": "ng", "Ŋ": "NG",
    "ĸ": "k", "ẞ": "SS", "ə": "a", "Ə": "A", "ƒ": "f",
    "‐": "-", "\u2011": "-", "\u2012": "-", "―": "-", "\u2212": "-", "′": "'", "″": '"', "‛": "'", "‟": '"',
    "⁄": "/", "∕": "/", "≤": "<=", "≥": ">=", "≠": "<>", "→": "->", "←": "<-", "\u00a0": " ",
    "₽": "RUB", "₺": "TRY", "₴": "UAH", "₹": "INR", "₩": "KRW", "₪": "ILS",
}  # fmt: skip
# ELOT 743, letter by letter.
_GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
# Russian, Bulgarian, Ukrainian, Belarusian, Serbian and Macedonian letters; the signs ъ and ь have no sound.
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya", "є": "ye", "і": "i", "ї": "yi", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj",
    "ћ": "c", "џ": "dz", "ѓ": "g", "ѕ": "dz", "ќ": "k",
}  # fmt: skip
_LETTERS = {
    **_LATIN,
    **{letter: plain for table in (_GREEK, _CYRILLIC) for letter, plain in table.items()},
    **{
        letter.upper(): plain.capitalize()
        for table in (_GREEK, _CYRILLIC)
        for letter, plain in table.items()
        if letter != "ς"
    },
}


@dataclass(frozen=True)
class CleanText:
    """`text` can be written; `lost` are the characters that could not be carried."""

    text: str
    lost: str = ""


def for_windows_1252(text: str, limit: int | None = None) -> CleanText:
    """Transliterate to Windows-1252, drop control characters, cut at `limit`; what was lost is told."""
    lost: list[str] = []
    kept: list[str] = []
    # An accent typed as a sign of its own belongs to the letter before it.
    for character in unicodedata.normalize("NFC", text):
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
    """The character as Windows-1252 can hold it; None where it is lost."""
    if character.isspace():
        return " "
    if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co", "Cf"):
        return None
    if _encodable(character):
        return character
    plain = _LETTERS.get(character)
    if plain is not None:
        return plain
    parts = [part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part)]
    carried = [part if _encodable(part) else _LETTERS.get(part) for part in parts]
    known = [part for part in carried if part is not None]
    return "".join(known) if parts and len(known) == len(parts) else None


def _encodable(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def without_controls(text: str) -> str:
    """`text` without characters that JSON consumers and XML 1.0 cannot carry; blanks stay as they are."""
    # Nearly every text is, and none of these characters is printable.
    if text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if unicodedata.category(character) not in ("Cc", "Cs", "Cn") or character in "\t\n"
    )
