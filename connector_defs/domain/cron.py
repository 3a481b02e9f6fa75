"""Cron lines: minute, hour, day of the month, month, day of the week.

Belongs here: whether a line means something, and what is wrong with it. Dagster works out the times.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        """The number that a text stands for; None where it is none of this field's."""
        if text.lower() in self.words:
            return self.words.index(text.lower()) + self.least
        return int(text) if text.isdecimal() and self.least <= int(text) <= self.most else None


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?", re.ASCII)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def flaw_of(line: str) -> str | None:
    """What is wrong with a cron line; None where it is right."""
    texts = line.split()
    if len(texts) != len(_FIELDS):
        return 'it needs five fields: minute, hour, day of the month, month, day of the week, such as "0 3 * * 1"'
    values: list[set[int]] = []
    for field, text in zip(_FIELDS, texts, strict=True):
        chosen = _values(field, text)
        if not chosen:
            return f"{text!r} is no {field.name} from {field.least} to {field.most}"
        values.append(chosen)
    _, _, days, months, _ = values
    if min(days) > max(_DAYS_OF_MONTH[month - 1] for month in months):
        return f"no month it names has a day {min(days)}"
    return None


def _values(field: _Field, text: str) -> set[int]:
    """The numbers a field names; none where it cannot be read."""
    named: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            return set()
        every = found["first"] == "*"
        first = field.least if every else field.number(found["first"])
        last = field.number(found["last"]) if found["last"] else first
        if every or (found["step"] and not found["last"]):
            last = field.most
        step = int(found["step"] or 1)
        if first is None or last is None or last < first or not step or (every and found["last"]):
            return set()
        named.update(range(first, last + 1, step))
    return named
