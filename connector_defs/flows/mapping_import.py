"""A file of GL mapping rules against the rules in force: what would change, what is refused, whom it would free.

All or nothing: with one line refused nothing is imported, and otherwise all of it in one transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from connector_defs.domain.errors import ConnectorError, RetryLater
from connector_defs.domain.gl_mapping import MappingRule, MappingTable, RuleKey, RuleStatus, read_dimensions
from connector_defs.domain.states import State
from connector_defs.flows.chart import ledger_codes
from connector_defs.flows.evaluation import is_mapped, release_mapped
from connector_defs.flows.mapping import flaw_of
from connector_defs.flows.mapping_files import STATUS, Line, read_lines
from connector_defs.flows.runtime import Connector
from connector_defs.settings import SettingsError
from connector_defs.store import invoices, mappings
from connector_defs.store.mappings import Standing

Kind = Literal["added", "changed", "retired", "unchanged"]


@dataclass(frozen=True)
class Change:
    """What one line does: the version it would write, and the one in force before."""

    line: int
    kind: Kind
    rule: MappingRule
    before: MappingRule | None


@dataclass(frozen=True)
class RefusedLine:
    """A line that cannot become a rule, and what to do about it."""

    line: int
    rule: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class FreedInvoice:
    """A waiting invoice whose coding the rules decide with the import."""

    company: str
    invoice_id: str
    number: str
    supplier: str
    gross: Decimal | None
    currency: str


@dataclass(frozen=True)
class ImportReport:
    """What an import does, or would do.

    `proposed`: the rules wait for a second person, who frees the invoices. `unchecked` says why GL codes were not
    compared with SYSPRO, "" where they were.
    """

    imported: bool
    proposed: bool
    changes: tuple[Change, ...]
    refused: tuple[RefusedLine, ...]
    frees: tuple[FreedInvoice, ...]
    unchecked: str
    released: int = 0

    @property
    def clean(self) -> bool:
        """True where no line is refused."""
        return not self.refused

    def count(self, kind: Kind) -> int:
        """Number of lines of one kind."""
        return sum(change.kind == kind for change in self.changes)


@dataclass(frozen=True)
class _Wanted:
    line: int
    key: RuleKey
    gl_code: str
    valid_to: date | None
    reason: str
    retire: bool


def import_rules(connector: Connector, path: Path, *, actor: str, reason: str, dry_run: bool) -> ImportReport:
    """Import a CSV or Excel file, or say what that would do. Raises Fatal where the file cannot be read at all."""
    wanted, refused = _wanted(connector, read_lines(path), reason)
    now = connector.clock.now()
    with connector.store.read() as connection:
        changes, unknown = _compare(connection, connector, wanted, actor, now)
    codes, unchecked = _code_flaws(connector, changes)
    changes = [change for change in changes if change.line not in codes]
    refused = sorted([*refused, *unknown, *codes.values()], key=lambda one: one.line)
    report = ImportReport(
        imported=False,
        proposed=connector.settings.mapping.second_approver,
        changes=tuple(changes),
        refused=tuple(refused),
        frees=_frees(connector, changes),
        unchecked=unchecked,
    )
    if dry_run or refused:
        return report
    written = [change.rule for change in changes if change.kind != "unchanged"]
    with connector.store.write() as connection:
        if _compare(connection, connector, wanted, actor, now) != (changes, []):
            raise RetryLater("somebody changed a rule while the file was compared with SYSPRO")
        mappings.write(connection, written, now)
    companies = sorted({rule.company for rule in written})
    released = sum(release_mapped(connector, connector.settings.company(company)) for company in companies)
    return replace(report, imported=True, released=released)


def _wanted(
    connector: Connector, lines: Iterable[Line], reason: str
) -> tuple[list[_Wanted], list[RefusedLine]]:
    wanted: dict[RuleKey, _Wanted] = {}
    refused: list[RefusedLine] = []
    for line in lines:
        named = (
            f"{line.cells['account_code'] or 'no account code'} -> {line.cells['gl_code'] or 'no GL code'}"
        )
        try:
            one = _read(connector, line, reason)
        except _Flaw as flaw:
            refused.append(RefusedLine(line.number, named, *flaw.told))
            continue
        twin = wanted.setdefault(one.key, one)
        if twin is not one:
            why = f"line {twin.line} is about the same rule"
            refused.append(RefusedLine(line.number, named, why, "leave one of the two lines"))
    return list(wanted.values()), refused


class _Flaw(Exception):
    """A line cannot be read; with the reason and the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.told = (reason, remedy)


def _read(connector: Connector, line: Line, reason: str) -> _Wanted:
    cells = line.cells
    if line.flaw:
        raise _Flaw(line.flaw, "format the column as text, enter the code again as it is in the system")
    try:
        dimensions = read_dimensions(cells.get("dimensions", ""))
    except ValueError as error:
        raise _Flaw(str(error), "write dimensions as name=code;name=code") from None
    begins, ends = (_day(cells.get(name, ""), name) for name in ("valid_from", "valid_to"))
    key = RuleKey(
        _company(connector, cells.get("company", "")),
        cells["account_code"],
        cells.get("cost_center", ""),
        dimensions,
        begins,
    )
    status = cells.get(STATUS, "").strip().lower()
    if status not in ("", RuleStatus.ACTIVE, RuleStatus.RETIRED):
        raise _Flaw(f"{STATUS} {status[:40]!r} is unknown", "leave it empty, or write retired to withdraw it")
    one = _Wanted(
        line.number,
        key,
        cells["gl_code"],
        ends,
        cells.get("reason", "") or reason,
        status == RuleStatus.RETIRED,
    )
    # A rule that is withdrawn keeps the GL code it has.
    flaw = flaw_of(key, one.gl_code or ("-" if one.retire else ""), ends, one.reason)
    if flaw:
        raise _Flaw(flaw, "correct the line")
    return one


def _company(connector: Connector, name: str) -> str:
    if not name.strip():
        if len(connector.companies) == 1:
            return connector.companies[0].syspro_company
        known = ", ".join(company.syspro_company for company in connector.companies)
        raise _Flaw("it names no company, and several are configured", f"write one of {known}")
    try:
        return connector.settings.company(name.strip()).syspro_company
    except SettingsError as error:
        raise _Flaw(f"company {name!r} is unknown", error.problems[0]) from None


def _day(text: str, name: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip()) if len(text.strip()) == len("2026-01-31") else _no_day(text)
    except ValueError:
        raise _Flaw(f"{name} {text[:40]!r} is no date", "write it as 2026-01-31") from None


def _no_day(text: str) -> date:
    raise ValueError(text)


def _compare(
    connection: Connection, connector: Connector, wanted: Sequence[_Wanted], actor: str, now: datetime
) -> tuple[list[Change], list[RefusedLine]]:
    """What each line changes, by the rules as they stand in this transaction."""
    standings: dict[RuleKey, Standing] = {}
    for company in sorted({one.key.company for one in wanted}):
        standings |= mappings.standings(connection, company)
    second = connector.settings.mapping.second_approver
    changes: list[Change] = []
    refused: list[RefusedLine] = []
    for one in wanted:
        standing = standings.get(one.key, Standing(0))
        kind = _kind(one, standing, second=second)
        if kind is None:
            refused.append(
                RefusedLine(
                    one.line, one.key.words, "there is no such rule to withdraw", "leave the line out"
                )
            )
            continue
        changes.append(
            Change(one.line, kind, _version(one, standing, actor, now, second=second), standing.in_force)
        )
    return changes, refused


def _kind(one: _Wanted, standing: Standing, *, second: bool) -> Kind | None:
    current, proposed = standing.in_force, standing.pending if second else None
    if one.retire:
        if current is None:
            return "unchanged" if standing.decided else None
        return "unchanged" if proposed and proposed.status is RuleStatus.RETIRING else "retired"
    if _says_so(current, one) or (
        proposed and proposed.status is RuleStatus.PROPOSED and _says_so(proposed, one)
    ):
        return "unchanged"
    return "changed" if current else "added"


def _says_so(rule: MappingRule | None, one: _Wanted) -> bool:
    return rule is not None and (rule.gl_code, rule.valid_to) == (one.gl_code, one.valid_to)


def _version(one: _Wanted, standing: Standing, actor: str, now: datetime, *, second: bool) -> MappingRule:
    current = standing.in_force
    if one.retire:
        status = RuleStatus.RETIRING if second else RuleStatus.RETIRED
    else:
        status = RuleStatus.PROPOSED if second else RuleStatus.ACTIVE
    return MappingRule(
        one.key.company,
        one.key.account_code,
        one.key.cost_center,
        current.gl_code if one.retire and current else one.gl_code,
        standing.version + 1,
        actor,
        one.reason,
        now,
        one.key.dimensions,
        one.key.valid_from,
        current.valid_to if one.retire and current else one.valid_to,
        status,
    )


def _code_flaws(connector: Connector, changes: Iterable[Change]) -> tuple[dict[int, RefusedLine], str]:
    """Lines whose GL code SYSPRO would not post to; and why that could not be asked, "" where it could."""
    asked: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind in ("added", "changed"):
            asked.setdefault(change.rule.company, []).append(change)
    flaws: dict[int, RefusedLine] = {}
    for company, of_company in asked.items():
        pair = connector.settings.company(company)
        try:
            known = ledger_codes(connector.odata(pair), pair, {change.rule.gl_code for change in of_company})
        except ConnectorError as error:
            return {}, str(error)
        for change in of_company:
            code = known.get(change.rule.gl_code)
            refusal = ("GL_CODE_UNKNOWN", "is not in SYSPRO") if code is None else code.refusal
            if refusal:
                flaws[change.line] = RefusedLine(
                    change.line,
                    change.rule.key.words,
                    f"GL code {change.rule.gl_code!r} {refusal[1]}",
                    "name another GL code, exactly as SYSPRO has it, or change it in SYSPRO",
                )
    return flaws, ""


def _frees(connector: Connector, changes: Sequence[Change]) -> tuple[FreedInvoice, ...]:
    """The waiting invoices that the rules decide once these changes are in force."""
    by_company: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind != "unchanged":
            by_company.setdefault(change.rule.company, []).append(change)
    freed = []
    with connector.store.read() as connection:
        for company, of_company in sorted(by_company.items()):
            waiting = invoices.in_states(connection, company, {State.NEEDS_MAPPING})
            if not waiting:
                continue
            table = _table_after(mappings.in_force(connection, company), of_company)
            freed += [
                FreedInvoice(company, one.invoice_id, one.number, one.supplier, one.gross, one.currency)
                for one in waiting
                if is_mapped(connector, one, table)
            ]
    return tuple(freed)


def _table_after(current: Iterable[MappingRule], changes: Iterable[Change]) -> MappingTable:
    rules: Mapping[RuleKey, MappingRule] = {
        **{rule.key: rule for rule in current},
        **{
            change.rule.key: replace(
                change.rule,
                status=RuleStatus.RETIRED if change.kind == "retired" else RuleStatus.ACTIVE,
            )
            for change in changes
        },
    }
    return MappingTable(rules.values())
