"""GL mapping rules at rest: append-only versions, the newest of each (account, cost centre) in force."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from connector_defs.domain.gl_mapping import ANY, MappingRule, MappingTable
from connector_defs.store import audit
from connector_defs.store.tables import gl_mapping


def in_force(connection: Connection, company: str | None = None) -> list[MappingRule]:
    """The newest version of every rule."""
    keys = (gl_mapping.c.company, gl_mapping.c.account_code, gl_mapping.c.cost_center)
    newest = select(*keys, func.max(gl_mapping.c.version).label("version")).group_by(*keys).subquery()
    query = select(gl_mapping).join(
        newest,
        and_(*(column == newest.c[column.name] for column in (*keys, gl_mapping.c.version))),
    )
    if company is not None:
        query = query.where(gl_mapping.c.company == company)
    return [MappingRule(**row._mapping) for row in connection.execute(query.order_by(*keys))]


def table_of(connection: Connection, company: str) -> MappingTable:
    """The rules of one company, ready to be asked."""
    return MappingTable(in_force(connection, company))


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
) -> MappingRule:
    """Add the next version of a rule, with its audit event."""
    latest = connection.scalar(
        select(func.max(gl_mapping.c.version)).where(
            gl_mapping.c.company == company,
            gl_mapping.c.account_code == account_code,
            gl_mapping.c.cost_center == cost_center,
        )
    )
    rule = MappingRule(company, account_code, cost_center, gl_code, (latest or 0) + 1, author, reason, now)
    _insert(connection, [rule], now)
    return rule


def add_identities(connection: Connection, company: str, account_codes: Iterable[str], now: datetime) -> int:
    """Map each published account to itself where no rule exists yet; returns how many were added."""
    known = set(
        connection.scalars(
            select(gl_mapping.c.account_code).where(
                gl_mapping.c.company == company, gl_mapping.c.cost_center == ANY
            )
        )
    )
    rules = [
        MappingRule(company, code, ANY, code, 1, "connector", "published account stands for itself", now)
        for code in dict.fromkeys(account_codes)
        if code not in known
    ]
    _insert(connection, rules, now)
    return len(rules)


def _insert(connection: Connection, rules: Sequence[MappingRule], now: datetime) -> None:
    if not rules:
        return
    connection.execute(gl_mapping.insert(), [vars(rule) for rule in rules])
    events = []
    for rule in rules:
        row = vars(rule)
        events.append(
            audit.Event(
                chain=audit.mapping_chain(row),
                company=rule.company,
                key=rule.account_code,
                action="mapping set",
                actor=rule.author,
                detail={
                    "gl_code": rule.gl_code,
                    "cost_center": rule.cost_center,
                    "version": rule.version,
                    "reason": rule.reason,
                    "row": audit.row_digest(row),
                },
            )
        )
    audit.append(connection, events, now)
