"""Reports about the GL mapping as Rich tables: the rules, what an import would do, candidates for an account code."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from connector_defs.cli.tables import SHOWN_PROBLEMS, Kind, cell_text, table
from connector_defs.cli.terminal import say

if TYPE_CHECKING:
    from connector_defs.domain.gl_mapping import MappingRule
    from connector_defs.flows.mapping_import import ImportReport
    from connector_defs.flows.suggestions import Candidates


def rules(title: str, some: "Sequence[MappingRule]") -> None:
    """Rules with whatever they pin; columns that no rule fills are left out."""
    columns: list[tuple[str, Kind, list[object]]] = [
        ("company", "key", [rule.company for rule in some]),
        ("account code", "key", [rule.account_code for rule in some]),
        ("cost centre", "key", [rule.cost_center or "any" for rule in some]),
        ("dimensions", "key", [_dimensions(rule) for rule in some]),
        ("GL code", "key", [rule.gl_code for rule in some]),
        ("valid", "key", [validity(rule.valid_from, rule.valid_to) for rule in some]),
        ("status", "key", [rule.status.value for rule in some]),
        ("version", "number", [rule.version for rule in some]),
        ("by", "key", [rule.author for rule in some]),
        ("approved by", "key", [rule.approved_by for rule in some]),
        ("since (UTC)", "key", [rule.created_at for rule in some]),
        ("reason", "sentence", [rule.reason for rule in some]),
    ]
    shown = [column for column in columns if column[0] not in _OPTIONAL or any(column[2])]
    table(title, [(name, kind) for name, kind, _ in shown], zip(*(cells for *_, cells in shown), strict=True))


_OPTIONAL = frozenset({"dimensions", "valid", "approved by"})


def validity(begins: date | None, ends: date | None) -> str:
    """`2026-01-01 to 2026-12-31`, `from 2027-01-01`, `until 2026-12-31`; "" for always."""
    if begins and ends:
        return f"{begins} to {ends}"
    return f"from {begins}" if begins else f"until {ends}" if ends else ""


def _dimensions(rule: "MappingRule") -> str:
    return ", ".join(f"{name}={code}" for name, code in rule.dimensions)


def import_report(report: "ImportReport") -> None:
    """What an import did or would do, line by line where something changes."""
    changing = [change for change in report.changes if change.kind != "unchanged"]
    if changing:
        table(
            "Rules that change",
            [
                ("line", "number"),
                ("change", "key"),
                ("company", "key"),
                ("account code", "key"),
                ("cost centre", "key"),
                ("dimensions", "key"),
                ("GL code", "key"),
                ("before", "key"),
                ("valid", "key"),
            ],
            [
                (
                    change.line,
                    change.kind,
                    change.rule.company,
                    change.rule.account_code,
                    change.rule.cost_center or "any",
                    _dimensions(change.rule),
                    change.rule.gl_code,
                    change.before.gl_code if change.before else "",
                    validity(change.rule.valid_from, change.rule.valid_to),
                )
                for change in changing[:SHOWN_PROBLEMS]
            ],
        )
        _rest(len(changing))
    if report.refused:
        table(
            f"{len(report.refused):,} line(s) refused",
            [("line", "number"), ("rule", "key"), ("reason", "sentence"), ("what to do", "sentence")],
            [(one.line, one.rule, one.reason, one.remedy) for one in report.refused[:SHOWN_PROBLEMS]],
        )
        _rest(len(report.refused))
    if report.frees:
        table(
            f"{len(report.frees):,} waiting invoice(s) that {'the approval' if report.proposed else 'it'} frees",
            [
                ("company", "key"),
                ("invoice", "key"),
                ("invoice id", "key"),
                ("supplier", "key"),
                ("gross", "number"),
            ],
            [
                (
                    one.company,
                    one.number,
                    one.invoice_id,
                    one.supplier,
                    f"{cell_text(one.gross)} {one.currency}",
                )
                for one in report.frees[:SHOWN_PROBLEMS]
            ],
        )
        _rest(len(report.frees))
    if report.unchecked:
        say(
            f"GL codes were not compared with SYSPRO ({report.unchecked}); they are when an invoice is posted.",
            "yellow",
        )


def _rest(number: int) -> None:
    if number > SHOWN_PROBLEMS:
        say(f"… and {number - SHOWN_PROBLEMS:,} more. All of them: --json.")


def candidates(some: "Sequence[Candidates]") -> None:
    """Per account code its candidates, with the line that accepts the best one."""
    for one in some:
        named = f" {one.account_name}" if one.account_name else ""
        title = f"{one.company}: account code {one.account_code}{named}, {one.invoices:,} invoice(s) wait"
        if not one.suggestions:
            say(f"{title}: nothing speaks for any GL code.")
            continue
        # Not as the title, which a narrow table would break over lines.
        say(title, "bold")
        table(
            "Candidates",
            [("score", "number"), ("GL code", "key"), ("description", "sentence"), ("grounds", "sentence")],
            [
                (each.score, each.gl_code, each.description, "; ".join(each.grounds))
                for each in one.suggestions
            ],
        )
        for each in one.suggestions:
            say(f"  {one.command(each)}")
