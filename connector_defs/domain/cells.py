"""Text as a cell of a table that a spreadsheet opens: nothing in it may run as a formula.

A cell that begins like a formula gets an apostrophe in front, and so does one that begins with apostrophes, quotes or
blanks before such a character: some programs drop these. Excel takes the semicolon for the end of a cell where the
comma is decimal, so what follows one counts as a beginning too. Taking the apostrophes away gives the very text back,
whatever it was.
"""

# What spreadsheets take for the beginning of a formula, the full-width forms among them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK = "'"
_SEPARATOR = ";"
# Blanks of every width, the mark of byte order and what else is not seen.
_WIDE_BLANKS = (0xA0, 0x1680, *range(0x2000, 0x200E), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)
_UNSEEN = "'\" \x00\x0b\x0c" + "".join(map(chr, _WIDE_BLANKS))


def harmless(text: str) -> str:
    """`text` as it may stand in a cell."""
    return _SEPARATOR.join(_MARK + part if _runs(part) else part for part in text.split(_SEPARATOR))


def as_written(cell: str) -> str:
    """The text that `harmless` made this cell of; a cell it would never write stays as it is."""
    parts = cell.split(_SEPARATOR)
    return _SEPARATOR.join(part[1:] if part.startswith(_MARK) and _runs(part) else part for part in parts)


def _runs(part: str) -> bool:
    return part.lstrip(_UNSEEN).startswith(_FORMULA)
