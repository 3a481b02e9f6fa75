"""The two ways in which an invoice is not planned: refused with a reason, or lacking a mapping."""

import shlex
from dataclasses import dataclass

from connector_defs.domain.gl_mapping import Gap


@dataclass(frozen=True)
class Refusal:
    """Why an invoice goes to review, and what a person can do."""

    code: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Unmapped:
    """The kinds of coding rows that no mapping rule decides; at least one."""

    gaps: tuple[Gap, ...]

    @property
    def refusal(self) -> Refusal:
        """Why the invoice waits for its mapping. Only where every row has its rules, and these differ, is it a tie."""
        missing = [gap for gap in self.gaps if not gap.rivals]
        tied = [gap for gap in self.gaps if gap.rivals]
        reasons = [f"no GL mapping for account {', '.join(gap.words for gap in missing)}"] if missing else []
        reasons += [
            f"equally specific GL mappings for account {gap.words}: {gap.rival_words}" for gap in tied
        ]
        key = (missing or tied)[0].key
        command = f"connector mapping set {shlex.quote(key.account_code)} GLCODE {key.options}".rstrip()
        return Refusal(
            "UNMAPPED_ACCOUNT" if missing else "MAPPING_AMBIGUOUS",
            "; ".join(reasons),
            f"`{command}`; the invoice then posts by itself"
            if missing
            else f"`{command}` goes before both, or retire one of them (--retire); the invoice then posts by itself",
        )


class Refused(Exception):
    """Carries a refusal out of whichever rule found it."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(code, reason, remedy)
