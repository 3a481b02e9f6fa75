"""Cost centres as a section of the GL code: how most SYSPRO sites keep them (SYSPRO wire notes 4.4)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GlSection:
    """Which part of a GL code is the cost centre: the character between the parts, and its place from 1."""

    separator: str
    place: int

    def of(self, gl_code: str) -> str | None:
        """The cost centre that `gl_code` names; None where it has no such section."""
        parts = gl_code.strip().split(self.separator)
        if len(parts) < max(self.place, 2):
            return None
        return parts[self.place - 1].strip() or None
