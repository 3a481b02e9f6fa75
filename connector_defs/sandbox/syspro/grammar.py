"""How business objects read single values: numbers of two decimals, CCYY-MM-DD dates, Y/N flags.

A value that cannot be read becomes a FieldError with the number SYSPRO uses for it (wire notes 1.9).
"""

import re
from datetime import date
from decimal import Decimal

from connector_defs.sandbox.syspro.xml_replies import FieldError

_AMOUNT = re.compile(r"[+-]?\d{1,12}(\.\d{1,2})?")
_QUANTITY = re.compile(r"[+-]?\d{1,12}(\.\d{1,6})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Reader:
    """Reads the elements of one item, keeping an error for each that cannot be read."""

    def __init__(
        self, texts: dict[str, str], errors: list[FieldError], *, within: tuple[str, ...] = ()
    ) -> None:
        self.texts = texts
        self.errors = errors
        self.within = within

    def text(self, name: str, default: str = "") -> str:
        return self.texts.get(name, "") or default

    def refuse(self, name: str, number: int, text: str) -> None:
        self.errors.append(FieldError((*self.within, name), self.texts.get(name, ""), number, text))

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            self.refuse(name, 100030, f"Element {{{'}{'.join((*self.within, name))}}} cannot be spaces")
        return value

    def amount(self, name: str) -> Decimal | None:
        """An amount of at most two decimals; None where blank or unreadable."""
        return self._number(name, _AMOUNT)

    def quantity(self, name: str) -> Decimal | None:
        """A quantity or rate of at most six decimals; None where blank or unreadable."""
        return self._number(name, _QUANTITY)

    def _number(self, name: str, form: re.Pattern[str]) -> Decimal | None:
        value = self.text(name)
        if not value:
            return None
        if not form.fullmatch(value):
            self.refuse(name, 240003, f"Value '{value}' is not numeric")
            return None
        return Decimal(value)

    def day(self, name: str) -> date | None:
        value = self.text(name)
        if not value:
            return None
        try:
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.refuse(name, 100028, f"Date '{value}' is invalid. Format must be CCYY-MM-DD")
        return None

    def one_of(self, name: str, allowed: str, default: str) -> str:
        value = self.text(name, default)
        if value not in allowed or len(value) != 1:
            self.refuse(name, 100031, f"Value '{value}' is invalid. Valid values are {', '.join(allowed)}")
            return default
        return value
