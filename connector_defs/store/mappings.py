"""GL mapping rules at rest: append-only versions. The newest decided version of a rule is in force where it is
active; a proposal stands beside it and changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from connector_defs.domain.gl_mapping import (
    ANY,
    DECIDED,
    PENDING,
    Dimensions,
    MappingRule,
    MappingTable,
    RuleKey,
    RuleStatus,
    dimension_text,
    read_dimensions,
)
from connector_defs.store import audit
from connector_defs.store.tables import gl_mapping

IDENTITY_AUTHOR = "connector"
_ACTIONS = {
    RuleStatus.ACTIVE: "mapping set",
    RuleStatus.RETIRED: "mapping retired",
    RuleStatus.PROPOSED: "mapping proposed",
    RuleStatus.RETIRING: "mapping withdrawal proposed",
    RuleStatus.REFUSED: "mapping proposal refused",
}
_KEY = tuple(column for column in gl_mapping.primary_key.columns if column.name != "version")


@dataclass(frozen=True)
class Standing:
    """Where one rule stands: its newest version number, the newest decided version, and what is proposed since."""

    version: int
    decided: MappingRule | None = None
    pending: MappingRule | None = None

    @property
    def in_force(self) -> MappingRule | None:
        """The version that maps, if one does."""
        decided = self.decided
        return decided if decided is not None and decided.status is RuleStatus.ACTIVE else None

    def after(self, rule: MappingRule) -> "Standing":
        """With one more version."""
        decided = rule if rule.status in DECIDED else self.decided
        return Standing(rule.version, decided, rule if rule.status in PENDING else None)


def in_force(connection: Connection, company: str | None = None) -> list[MappingRule]:
    """The active rules: of each, its newest decided version, unless that withdrew it."""
    return _newest(connection, company, DECIDED, RuleStatus.ACTIVE)


def pending(connection: Connection, company: str | None = None) -> list[MappingRule]:
    """What waits for a second person: new versions of rules, and withdrawals."""
    return _newest(connection, company, frozenset(RuleStatus), *PENDING)


def _newest(
    connection: Connection, company: str | None, among: Iterable[RuleStatus], *wanted: RuleStatus
) -> list[MappingRule]:
    newest = (
        select(*_KEY, func.max(gl_mapping.c.version).label("version"))
        .where(gl_mapping.c.status.in_(sorted(among)))
        .group_by(*_KEY)
        .subquery()
    )
    same: list[ColumnElement[bool]] = [
        column == newest.c[column.name] for column in (*_KEY, gl_mapping.c.version)
    ]
    query = select(gl_mapping).join(newest, and_(*same)).where(gl_mapping.c.status.in_(sorted(wanted)))
    if company is not None:
        query = query.where(gl_mapping.c.company == company)
    return [_rule(row._mapping) for row in connection.execute(query.order_by(*_KEY))]


def table_of(connection: Connection, company: str) -> MappingTable:
    """The rules of one company, ready to be asked."""
    return MappingTable(in_force(connection, company))


def standings(
    connection: Connection, company: str, account_code: str | None = None
) -> dict[RuleKey, Standing]:
    """Where every rule of a company, or of one of its account codes, stands."""
    query = select(gl_mapping).where(gl_mapping.c.company == company)
    if account_code is not None:
        query = query.where(gl_mapping.c.account_code == account_code)
    found: dict[RuleKey, Standing] = {}
    for row in connection.execute(query.order_by(gl_mapping.c.version)):
        rule = _rule(row._mapping)
        found[rule.key] = found.get(rule.key, Standing(0)).after(rule)
    return found


def add(
    connection: Connection,
    company: str,
    account_code: str,
    cost_center: str,
    gl_code: str,
    *,
    author: str,
    reason: str,
    now: datetime,
    dimensions: Dimensions = (),
    valid_from: date | None = None,
    valid_to: date | None = None,
    status: RuleStatus = RuleStatus.ACTIVE,
) -> MappingRule:
    """Add the next version of a rule, with its audit event."""
    key = RuleKey(company, account_code, cost_center, dimensions, valid_from)
    standing = standings(connection, company, account_code).get(key, Standing(0))
    rule = MappingRule(
        company,
        account_code,
        cost_center,
        gl_code,
        standing.version + 1,
        author,
        reason,
        now,
        dimensions,
        valid_from,
        valid_to,
        status,
    )
    write(connection, [rule], now)
    return rule


def add_identities(connection: Connection, company: str, account_codes: Iterable[str], now: datetime) -> int:
    """Map each published account to itself where nobody said otherwise; returns how many were added.

    They need no second person: the codes are SYSPRO's own. A rule that was withdrawn or is proposed stays so.
    """
    plain = gl_mapping.c.cost_center == ANY, gl_mapping.c.dimensions == "", gl_mapping.c.valid_from == ""
    known: dict[str, Standing] = {}
    query = select(gl_mapping).where(gl_mapping.c.company == company, *plain)
    for row in connection.execute(query.order_by(gl_mapping.c.version)):
        known[row.account_code] = known.get(row.account_code, Standing(0)).after(_rule(row._mapping))
    rules = []
    for code in dict.fromkeys(account_codes):
        standing = known.get(code, Standing(0))
        if standing.decided is None and standing.pending is None:
            reason = "published account stands for itself"
            rules.append(
                MappingRule(company, code, ANY, code, standing.version + 1, IDENTITY_AUTHOR, reason, now)
            )
    write(connection, rules, now)
    return len(rules)


def write(
    connection: Connection,
    rules: Sequence[MappingRule],
    now: datetime,
    *,
    actor: str | None = None,
    note: str = "",
) -> None:
    """Store new versions, each with its audit event, in the caller's transaction.

    `actor` is who acts, where that is not the author: an approver, whose reason is `note`.
    """
    if not rules:
        return
    rows = [_row(rule) for rule in rules]
    connection.execute(gl_mapping.insert(), rows)
    events = []
    for rule, row in zip(rules, rows, strict=True):
        told = {name: row[name] for name in ("dimensions", "valid_from", "valid_to", "approved_by")}
        events.append(
            audit.Event(
                chain=audit.mapping_chain(row),
                company=rule.company,
                key=rule.account_code,
                action="mapping approved" if rule.approved_by else _ACTIONS[rule.status],
                actor=actor or rule.author,
                detail={
                    "gl_code": rule.gl_code,
                    "cost_center": rule.cost_center,
                    "version": rule.version,
                    "reason": rule.reason,
                    "row": audit.row_digest(row),
                    "status": rule.status.value,
                    **{name: value for name, value in told.items() if value},
                    **({"note": note} if note else {}),
                },
            )
        )
    audit.append(connection, events, now)


def _row(rule: MappingRule) -> dict[str, Any]:
    return {
        **vars(rule),
        "dimensions": dimension_text(rule.dimensions),
        "valid_from": "" if rule.valid_from is None else rule.valid_from.isoformat(),
        "valid_to": "" if rule.valid_to is None else rule.valid_to.isoformat(),
        "status": rule.status.value,
    }


def _rule(row: Mapping[Any, Any] | Any) -> MappingRule:
    values = dict(row)
    return MappingRule(
        **{
            **values,
            "dimensions": read_dimensions(values["dimensions"]),
            "valid_from": _day(values["valid_from"]),
            "valid_to": _day(values["valid_to"]),
            "status": RuleStatus(values["status"]),
        }
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
