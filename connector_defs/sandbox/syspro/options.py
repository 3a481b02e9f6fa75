"""Which SYSPRO the sandbox plays: the habits that differ between sites and releases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DateLiteral = Literal["utc", "local", "date"]


@dataclass(frozen=True, slots=True)
class SysproOptions:
    """Habits of a site, each with the most likely one as default (SYSPRO wire notes 1.5, 1.6 and 3).

    `date_literal` is the only form of a date that `$filter` takes: `utc` 2026-01-31T00:00:00Z, `local`
    without zone, `date` 2026-01-31; any other is refused with 400. `compound_filter=False` refuses a
    `$filter` that holds `or`. `absent_columns` are columns this release does not know ("Table.Column").
    `other_operators` maps further e.net operators to their passwords. `duplicate_check=False` takes a number
    that is on file once more, as after a purge: then nothing but the caller keeps an invoice from posting twice.
    """

    session_shape: Literal["v7", "v8"] = "v8"
    idle_minutes: float = 30.0
    seats: int = 10
    strict_schema: bool = False
    reply_wrapper: Literal["none", "json", "string"] = "none"
    gl_integration: Literal["immediate", "batch"] = "immediate"
    max_url_bytes: int = 16_384
    row_cap: int = 5_000
    next_link: bool = False
    count: Literal["present", "ignored", "refused"] = "present"
    decimals_as_strings: bool = False
    trimmed_chars: bool = False
    date_literal: DateLiteral = "utc"
    date_values: Literal["utc", "local"] = "utc"
    context: bool = True
    html_errors: bool = False
    compound_filter: bool = True
    absent_columns: frozenset[str] = frozenset()
    other_operators: Mapping[str, str] = field(default_factory=dict)
    duplicate_check: bool = True
