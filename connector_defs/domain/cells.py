"""Text as a cell of a table that a spreadsheet opens: nothing in it may run as a formula.

A cell that begins like a formula gets an apostrophe in front, and so does one that begins with apostrophes
before such a character; so that taking one apostrophe away gives the very text back, whatever it was.
"""

# What spreadsheets take for the beginning of a formula, the full-width forms among them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK = "'"


def harmless(text: str) -> str:
    """`text` as it may stand in a cell."""
    return _MARK + text if text.lstrip(_MARK).startswith(_FORMULA) else text


def as_written(cell: str) -> str:
    """The text that `harmless` made this cell of; a cell it would never write stays as it is."""
    marked = cell.startswith(_MARK) and cell.lstrip(_MARK).startswith(_FORMULA)
    return cell[1:] if marked else cell
