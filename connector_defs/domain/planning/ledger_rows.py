"""Coding rows as ledger rows: their GL codes, whether these may be posted to, and merging of rows.

Source: SYSPRO wire notes 4.4 (postable accounts) and trap 34 (the ledger may be another company's).
"""

from collections.abc import Iterable
from dataclasses import replace

from connector_defs.domain.books import GL_CODE_ANALYSIS, Books
from connector_defs.domain.gl_mapping import MappingRule, Tie
from connector_defs.domain.invoices import LedgerRow
from connector_defs.domain.money import total
from connector_defs.domain.planning.amounts import RowAmounts
from connector_defs.domain.planning.numbers import NOTE_LIMIT
from connector_defs.domain.planning.rules import PlanningRules
from connector_defs.domain.planning.verdict import Refused
from connector_defs.domain.text import for_windows_1252


def ledger_row(
    one: RowAmounts, rule: MappingRule | Tie | None, books: Books, rules: PlanningRules
) -> tuple[LedgerRow, tuple[str, ...]]:
    """The row on its mapped GL code, net of tax, with what was lost of its note."""
    row = one.row
    if not isinstance(rule, MappingRule):
        raise TypeError(f"row {row.key} has a gap that was not told")
    check_ledger_code(books, rule.gl_code, rules)
    note = for_windows_1252(row.note, NOTE_LIMIT)
    # A note may be longer than SYSPRO's; only characters that are no letters of ours are told.
    lost = for_windows_1252(row.note).lost
    remarks = (f"characters lost in note of row {row.key}: {lost!r}",) if lost else ()
    return LedgerRow(rule.gl_code, one.net, note.text), remarks


def check_ledger_code(books: Books, code: str, rules: PlanningRules) -> None:
    """Refused where `code` is not one to post to."""
    account = books.ledger_codes.get(code)
    remedy = "map the account to another GL code, or change the GL code in SYSPRO, then retry"
    if account is None:
        other = books.codes_elsewhere.get(code)
        if other is not None:
            raise Refused(
                "GL_CODE_COMPANY",
                f"GL code {code!r} belongs to company {other!r} in SYSPRO, not here",
                remedy,
            )
        raise Refused(
            "GL_CODE_UNKNOWN",
            f"GL code {code!r} is not in SYSPRO",
            "correct the mapping (`connector mapping set`)",
        )
    if account.refusal is None:
        return
    reason, words = account.refusal
    if reason == GL_CODE_ANALYSIS:
        if rules.ignore_analysis:
            return
        remedy += "; or set posting.ignore_analysis where postings without analysis are allowed"
    raise Refused(reason, f"GL code {code!r} {words}", remedy)


def merged(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Rows of one GL code, tax code and kind as one row; a note survives where all of them share it."""
    groups: dict[tuple[str, str, bool], list[LedgerRow]] = {}
    for row in rows:
        groups.setdefault((row.ledger_code, row.tax_code, row.tax_only), []).append(row)
    return [_one(group) for group in groups.values()]


def _one(group: list[LedgerRow]) -> LedgerRow:
    notes = list(dict.fromkeys(row.note for row in group))
    note = notes[0] if len(notes) == 1 else f"{len(group)} rows"
    return replace(group[0], value=total([row.value for row in group]), note=note)
