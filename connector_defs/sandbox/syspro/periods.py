"""AP and GL posting periods: which one C, P and B mean today, and whether it is open.

Source: SYSPRO wire notes 2.1 (relative periods) and 4.4 (GenControl). `O` is open, `C` closed.
"""

from typing import Literal

from connector_defs.sandbox.world.tables import TableStore, Value

RELATIVE = {"C": 0, "P": 1, "B": 2}
Period = tuple[int, int]


class Periods:
    """Reads and changes ApControl and GenControl."""

    def __init__(self, tables: dict[str, TableStore], company: str) -> None:
        self._ap = tables["ApControl"]
        self._gl = tables["GenControl"]
        self._company = company

    def current(self) -> Period:
        row = self._ap.as_dict(self._ap.rows[0])
        return _whole(row["FinYear"]), _whole(row["FinPeriod"])

    def relative(self, code: str) -> Period | None:
        """Year and month that C, P or B means now; None for another code."""
        if code not in RELATIVE:
            return None
        year, month = self.current()
        months = year * 12 + month - 1 - RELATIVE[code]
        return months // 12, months % 12 + 1

    def is_open(self, period: Period) -> bool:
        column = self._column(period)
        return column is not None and self._control()[column] == "O"

    def set_open(self, period: Period, *, is_open: bool) -> None:
        """Open or close a period of this or the last year; KeyError for any other."""
        column = self._column(period)
        if column is None:
            raise KeyError(f"period {period[0]}/{period[1]} is in neither this nor the last ledger year")
        status: Literal["O", "C"] = "O" if is_open else "C"
        self._gl.update((self._company,), {column: status})

    def _column(self, period: Period) -> str | None:
        year, month = period
        this_year = _whole(self._control()["GlYear"])
        if not 1 <= month <= 12 or year not in (this_year, this_year - 1):
            return None
        return f"{'Cur' if year == this_year else 'Prv'}YrPrdStat{month}"

    def _control(self) -> dict[str, Value]:
        row = self._gl.get(self._company)
        assert row is not None
        return row


def _whole(value: Value) -> int:
    assert isinstance(value, int)
    return value
