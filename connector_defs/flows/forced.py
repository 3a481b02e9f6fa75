"""A person's order to send records to Basware again although nothing changed in SYSPRO.

Belongs here: which records that can mean, and the mark that the next run goes by. The record then differs from
Basware's by one touch (`resending`), because an identical one would be ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connector_defs.domain.errors import Fatal
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.outcomes import lane
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import records
from connector_defs.store.records import Record

# Why a record in this state is not marked, and what becomes of it.
_LEFT = {
    "sent": ("IN_FLIGHT", "its last sending has no outcome yet", "wait for it: connector sync master-data"),
    "failed": ("GOES_ANYWAY", "Basware refused it, so it goes with the next run", "correct the cause"),
    "held": ("GOES_ANYWAY", "it goes as soon as what it waits for is confirmed", "nothing to do"),
    "quarantined": (
        "NOT_SENDABLE",
        "it cannot be sent as it stands in SYSPRO",
        "correct the record in SYSPRO; it goes by itself then",
    ),
}


@dataclass(frozen=True)
class ForceReport:
    """Records marked to go again with the next run, and those left as they are, with the reason."""

    company: str
    entity: str
    marked: tuple[str, ...]
    left: tuple[Problem, ...]


def force(
    connector: Connector,
    company: CompanySettings,
    entity: str,
    keys: Sequence[str] | None,
    *,
    actor: str,
    reason: str,
) -> ForceReport:
    """Mark records to go again: these keys, or with None the whole entity.

    A key is SYSPRO's, zero padding and blanks aside; an order stands for all of its lines. Raises Fatal where a key
    fits nothing, or more than one record, and LeaseTaken while the entity is being published; then nothing is marked.
    """
    if entity not in {one.name for one in ENTITIES}:
        raise Fatal(f"no such entity: {entity}; known are {', '.join(one.name for one in ENTITIES)}")
    with connector.leases.hold(lane(company, entity)), connector.store.write() as connection:
        known = {
            str(row.key): str(row.parent)
            for part in records.known(connection, entity, company.syspro_company)
            for row in part
        }
        wanted = list(known) if keys is None else _chosen(known, entity, company.syspro_company, keys)
        found = records.by_keys(connection, entity, company.syspro_company, wanted)
        chosen = [found[key] for key in wanted]
        confirmed = [record for record in chosen if record.state == "confirmed"]
        now = connector.clock.now()
        records.force(connection, confirmed, actor=actor, reason=reason, now=now)
    return ForceReport(
        company=company.syspro_company,
        entity=entity,
        marked=tuple(record.key for record in confirmed),
        left=tuple(_left(record) for record in chosen if record.state != "confirmed"),
    )


def _chosen(known: dict[str, str], entity: str, company: str, keys: Sequence[str]) -> list[str]:
    by_plain: dict[str, list[str]] = {}
    for key, parent in known.items():
        by_plain.setdefault(_plain(key), []).append(key)
        if parent:
            by_plain.setdefault(_plain(parent), []).append(key)
    chosen: dict[str, None] = {}
    for key in keys:
        exact = [key] if key in known else by_plain.get(_plain(key), [])
        if not exact:
            raise Fatal(
                f"company {company} knows no {entity} record {key!r}: "
                f"see `connector records list --entity {entity}`"
            )
        parents = {known[one] for one in exact}
        if len(exact) > 1 and (len(parents) > 1 or parents == {""}):
            raise Fatal(f"{key!r} may mean {', '.join(map(repr, sorted(exact)))}: give it as it stands there")
        chosen |= dict.fromkeys(exact)
    return list(chosen)


def _plain(key: str) -> str:
    return key.strip().lstrip("0").casefold()


def _left(record: Record) -> Problem:
    code, reason, remedy = _LEFT[record.state]
    return Problem(record.company, record.entity, record.key, code, reason, remedy)
