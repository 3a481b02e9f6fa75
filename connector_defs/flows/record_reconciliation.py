"""Master data and orders compared record by record: what SYSPRO has, what our state says, what Basware holds.

Reads only, through the public interfaces of both systems; SYSPRO's side is its newest reading in staging. Basware's
side is the copy its API keeps, which is all that it lets anybody read: what a person changes in P2P alone is not seen.
Basware's records go through DuckDB page by page, so memory does not grow with them.

Basware lists order lines one order at a time, one call each. Unless every order is asked for, a sample of them is
compared, another one each day; the others are held against SYSPRO and our state alone, and counted as not compared.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import duckdb
import pyarrow as pa
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from connector_defs.basware.entities import ENDPOINTS, WireValue, to_wire
from connector_defs.basware.entities import Entity as WireEntity
from connector_defs.basware.wire import decode, encode
from connector_defs.domain.errors import ConnectorError
from connector_defs.domain.record_comparison import differing_fields, is_active
from connector_defs.domain.translation.context import Untranslatable
from connector_defs.flows import duplicates
from connector_defs.flows.delta import Changed, Delta
from connector_defs.flows.entities import ENTITIES, MASTER_DATA, Entity
from connector_defs.flows.record_reports import RecordComparison, RecordDifference, RecordsReport
from connector_defs.flows.reports import DateWindow
from connector_defs.flows.resending import touch
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.staging.lake import open_duckdb
from connector_defs.store import record_ages, records

ORDERS_SAMPLED = 50
# The first differences of an entity; the others are counted.
MOST_LISTED = 1000
# Kinds of differences that a forced resend puts right.
RESENDABLE = frozenset(
    {"MISSING_IN_BASWARE", "DIFFERS_IN_BASWARE", "ACTIVE_IN_BASWARE", "INACTIVE_IN_BASWARE"}
)

_LINES = "matchingOrderLines"
_RESEND = "`connector reconcile --resend`, then `connector sync {group}`, sends it again"
_SYNC = "`connector sync {group}` sends it"
_CLOSES = "`connector sync {group}` closes it in Basware; where it says GONE_TOO_MANY, look there first"
_STRANGER = "find out what made it; where it is not wanted, set it inactive in Basware"
# char(n) keys are stored with their blanks and go out as codes without.
_PADDING = 5

_log = logging.getLogger(__name__)

_OURS = pa.schema(
    [
        ("key", pa.string()),
        ("external_code", pa.string()),
        ("parent", pa.string()),
        ("state", pa.string()),
        ("active", pa.int64()),
    ]
)
_THEIRS = pa.schema(
    [
        ("external_code", pa.string()),
        ("code", pa.string()),
        ("mine", pa.bool_()),
        ("active", pa.bool_()),
        ("body", pa.string()),
    ]
)

_ORDERS = """
SELECT DISTINCT parent, md5(parent || ?) AS place FROM ours WHERE state = 'confirmed' AND parent <> '' ORDER BY place
"""

# Confirmed records that the newest reading does not hold, with what Basware shows of each.
_UNREAD = """
SELECT o.key, o.active, t.external_code IS NOT NULL AS held, t.active AS shown
FROM ours o
LEFT JOIN theirs t ON t.external_code = o.external_code
ANTI JOIN seen s ON s.key = o.key
WHERE o.state = 'confirmed' AND {within}
ORDER BY o.key
"""

_UNREAD_WAITING = """
SELECT count(*) FROM ours o ANTI JOIN seen s ON s.key = o.key WHERE o.state <> 'confirmed'
"""

_EXTRA = """
SELECT t.external_code, t.code FROM theirs t ANTI JOIN ours o ON o.external_code = t.external_code
WHERE t.mine AND t.active ORDER BY t.code
"""


def reconcile_records(
    connector: Connector,
    companies: Sequence[CompanySettings] | None = None,
    *,
    every_order: bool = False,
) -> RecordsReport:
    """Compare every entity of the companies, of all where none are named.

    `every_order`: the lines of all orders are asked for, not of a sample. What cannot be read for one entity of one
    company is told there and stops nothing else. Entities of a flow that is not in use are left out.
    """
    chosen = connector.companies if companies is None else companies
    entities = [entity for entity in ENTITIES if entity.group.replace("-", "_") in connector.flows]
    compared = [_safely(connector, company, entity, every_order) for company in chosen for entity in entities]
    return RecordsReport(tuple(compared))


def resend(connector: Connector, report: RecordsReport, *, actor: str) -> int:
    """Open the listed records that Basware lacks or holds otherwise; the next run sends them, each touched.

    Returns how many there were. Nothing is sent here.
    """
    wanted: dict[tuple[str, str], dict[str, str]] = {}
    for found in report.differences:
        if found.kind in RESENDABLE:
            wanted.setdefault((found.company, found.entity), {})[found.key] = found.kind
    now = connector.clock.now()
    opened = 0
    for (company, entity), kinds in wanted.items():
        with connector.store.write() as connection:
            known = records.by_keys(connection, entity, company, list(kinds))
            reopened = [
                replace(
                    record,
                    state="failed",
                    code=kinds[key],
                    reason="the comparison found Basware's record to differ",
                    updated_at=now,
                )
                for key, record in known.items()
                if record.state == "confirmed"
            ]
            records.save(connection, reopened, "reopened", {"by": actor})
        opened += len(reopened)
    return opened


def _safely(
    connector: Connector, company: CompanySettings, entity: Entity, every_order: bool
) -> RecordComparison:
    try:
        return _Comparison(connector, company, entity, every_order=every_order).compare()
    except ConnectorError as error:
        _log.warning("%s of company %s cannot be compared: %s", entity.name, company.syspro_company, error)
        nothing = RecordComparison(company.syspro_company, entity.name, None, 0, 0, 0, 0, 0, 0, 0, 0)
        return replace(nothing, outage=str(error))


@dataclass
class _Tally:
    syspro: int = 0
    compared: int = 0
    matched: int = 0
    waiting: int = 0
    not_compared: int = 0
    differing: int = 0


class _Comparison:
    def __init__(
        self, connector: Connector, company: CompanySettings, entity: Entity, *, every_order: bool
    ) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._every_order = every_order
        self._site = connector.site(company)
        self._tally = _Tally()
        self._differences: list[RecordDifference] = []
        self._orders: frozenset[str] = frozenset()

    def compare(self) -> RecordComparison:
        with open_duckdb() as duck:
            duck.register("no_ours", _OURS.empty_table())
            duck.register("no_theirs", _THEIRS.empty_table())
            duck.execute("CREATE TEMP TABLE ours AS SELECT * FROM no_ours")
            duck.execute("CREATE TEMP TABLE theirs AS SELECT * FROM no_theirs")
            duck.execute("CREATE TEMP TABLE seen (key VARCHAR)")
            self._load_ours(duck)
            self._orders = self._chosen_orders(duck)
            self._load_theirs(duck)
            day = self._connector.staging.newest_day(self._entity.sources, self._company.syspro_company)
            if day is not None:
                beside = duplicates.beside(self._connector, self._company, self._entity.name, day)
                with Delta(
                    self._connector, self._entity, self._site, DateWindow.day(day), beside=beside
                ) as delta:
                    for rows in delta.all_rows():
                        self._staged(duck, rows)
            self._unread(duck, staged=day is not None)
            self._extra(duck)
            return self._report(duck, day)

    def _report(self, duck: duckdb.DuckDBPyConnection, day: date | None) -> RecordComparison:
        tally = self._tally
        counts = duck.execute(
            "SELECT (SELECT count(*) FROM ours), (SELECT count(*) FROM theirs WHERE mine "
            "OR external_code IN (SELECT external_code FROM ours))"
        ).fetchall()[0]
        return RecordComparison(
            company=self._company.syspro_company,
            entity=self._entity.name,
            staged_on=day,
            syspro=tally.syspro,
            ours=int(counts[0]),
            basware=int(counts[1]),
            compared=tally.compared,
            matched=tally.matched,
            waiting=tally.waiting,
            not_compared=tally.not_compared,
            differing=tally.differing,
            differences=tuple(self._differences),
        )

    def _load_ours(self, duck: duckdb.DuckDBPyConnection) -> None:
        company = self._company.syspro_company
        with self._connector.store.read() as connection:
            for part in record_ages.standing(connection, self._entity.name, company):
                columns = [list(column) for column in zip(*part, strict=True)]
                _append(duck, "ours", pa.table(columns, schema=_OURS))

    def _chosen_orders(self, duck: duckdb.DuckDBPyConnection) -> frozenset[str]:
        """The orders whose lines are asked for: all, or as many as a day's sample holds."""
        if self._entity.name != _LINES:
            return frozenset()
        today = self._connector.clock.now().date().isoformat()
        found = [str(parent) for parent, _ in duck.execute(_ORDERS, [today]).fetchall()]
        return frozenset(found if self._every_order else found[:ORDERS_SAMPLED])

    def _load_theirs(self, duck: duckdb.DuckDBPyConnection) -> None:
        for page in self._pages():
            rows = [self._row(record) for record in page]
            columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in _THEIRS]
            _append(duck, "theirs", pa.table(columns, schema=_THEIRS))

    def _pages(self) -> Iterator[list[dict[str, WireValue]]]:
        client, name = self._connector.basware, self._entity.name
        if name != _LINES:
            yield from client.list_entities(name, company_code=self._company.basware_company)
            return
        for order in sorted(self._orders):
            code = self._site.external_code("matchingOrders", order)
            yield from client.list_entities(name, order_external_code=code)

    def _row(self, record: Mapping[str, WireValue]) -> tuple[str, str, bool, bool, str]:
        code = str(record.get(ENDPOINTS[self._entity.name].code_field) or "")
        external_code = str(record.get("externalCode") or "")
        active = is_active(self._entity.name, record)
        return (
            external_code,
            code,
            self._is_ours(record, external_code, code),
            active,
            encode(dict(record)).decode(),
        )

    def _is_ours(self, record: Mapping[str, WireValue], external_code: str, code: str) -> bool:
        """Whether the record was made by this connector: by its source system, or by how its externalCode was made."""
        if self._entity.name == _LINES:
            return True
        if "sourceSystem" in record:
            return record["sourceSystem"] == self._site.source_system
        made = (self._site.external_code(self._entity.name, code.ljust(n)) for n in range(_PADDING))
        return external_code in {*made, self._site.external_code(self._entity.name, code)}

    def _staged(self, duck: duckdb.DuckDBPyConnection, rows: list[Changed]) -> None:
        """The rows of one slice against our state, and where that calls them confirmed, against Basware."""
        self._tally.syspro += len(rows)
        _append(duck, "seen", pa.table({"key": [changed.key for changed in rows]}))
        confirmed = []
        for changed in rows:
            state, same = changed.row["known_state"], changed.row["known_hash"] == changed.hash
            if state is None:
                self._differ(changed.key, "NOT_PUBLISHED", "in SYSPRO", "never sent", _SYNC)
            elif state != "confirmed" or not (same or changed.row["known_active"]):
                self._tally.waiting += 1
            elif not same:
                self._differ(changed.key, "NOT_SENT", "changed in SYSPRO", "as it was before", _SYNC)
            elif self._is_asked_for(changed.dependency):
                confirmed.append(changed)
            else:
                self._tally.not_compared += 1
        bodies = _bodies(duck, [changed.key for changed in confirmed])
        for changed in confirmed:
            self._confirmed(changed, bodies.get(changed.key))

    def _is_asked_for(self, order: str) -> bool:
        return self._entity.name != _LINES or order in self._orders

    def _confirmed(self, changed: Changed, body: str | None) -> None:
        try:
            entity = self._entity.translate(changed.row, self._site).entity
        except (Untranslatable, ValidationError):
            self._tally.waiting += 1
            return
        self._tally.compared += 1
        theirs = decode(body.encode()) if body is not None else None
        if not isinstance(theirs, dict):
            self._differ(changed.key, "MISSING_IN_BASWARE", "confirmed", "not there", _RESEND)
            return
        if changed.touches:
            entity = touch(entity, self._entity.touch_field, changed.touches)
        self._tally.matched += self._same(changed.key, entity, theirs)

    def _same(self, key: str, entity: WireEntity, theirs: dict[str, WireValue]) -> bool:
        name, ours = self._entity.name, to_wire(entity)
        wanted, shown = is_active(name, ours), is_active(name, theirs)
        if wanted != shown:
            kind = "ACTIVE_IN_BASWARE" if shown else "INACTIVE_IN_BASWARE"
            self._differ(key, kind, _activity(wanted), _activity(shown), _RESEND)
        fields = type(entity).model_fields
        published = [
            fields[each].alias or to_camel(each) for each in fields if each in entity.model_fields_set
        ]
        # What Basware owns is right by definition.
        ours_to_say = [each for each in published if each not in self._entity.owned_there]
        found = differing_fields(ours, theirs, ours_to_say)
        for one in found:
            self._differ(key, "DIFFERS_IN_BASWARE", one.ours, one.theirs, _RESEND, one.field)
        return wanted == shown and not found

    def _unread(self, duck: duckdb.DuckDBPyConnection, *, staged: bool) -> None:
        """Records we know that the newest reading does not hold: closed ones, and orders outside of its window."""
        (waiting,) = duck.execute(_UNREAD_WAITING).fetchall()[0]
        self._tally.waiting += int(waiting)
        within = "true"
        if self._entity.name == _LINES:
            chosen = pa.schema([("parent", pa.string())])
            duck.register("orders", pa.table({"parent": sorted(self._orders)}, schema=chosen))
            within = "o.parent IN (SELECT parent FROM orders)"
            (others,) = duck.execute(
                "SELECT count(*) FROM ours o ANTI JOIN seen s ON s.key = o.key "  # noqa: S608 - names of our own  # nosec B608
                f"WHERE o.state = 'confirmed' AND NOT ({within})"
            ).fetchall()[0]
            self._tally.not_compared += int(others)
        whole_read = staged and self._entity.group == MASTER_DATA
        reader = duck.execute(_UNREAD.format(within=within))
        while rows := reader.fetchmany(1000):
            for key, active, held, shown in rows:
                self._tally.compared += 1
                if active and whole_read:
                    self._differ(key, "GONE_IN_SYSPRO", "in use", "no such record in SYSPRO", _CLOSES)
                elif active and not held:
                    self._differ(key, "MISSING_IN_BASWARE", "confirmed", "not there", _RESEND)
                elif not active and held and shown:
                    self._differ(key, "ACTIVE_IN_BASWARE", _activity(False), _activity(True), _RESEND)
                else:
                    self._tally.matched += 1

    def _extra(self, duck: duckdb.DuckDBPyConnection) -> None:
        reader = duck.execute(_EXTRA)
        while rows := reader.fetchmany(1000):
            for external_code, code in rows:
                self._differ(code, "EXTRA_IN_BASWARE", "unknown", f"externalCode {external_code}", _STRANGER)

    def _differ(self, key: str, kind: str, ours: str, theirs: str, remedy: str, field: str = "") -> None:
        self._tally.differing += 1
        if len(self._differences) >= MOST_LISTED:
            return
        self._differences.append(
            RecordDifference(
                self._company.syspro_company,
                self._entity.name,
                key,
                kind,
                field,
                ours,
                theirs,
                remedy.format(group=self._entity.group),
            )
        )


def _activity(active: bool) -> str:
    return "active" if active else "inactive or closed"


def _append(duck: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    duck.register("part", rows)
    duck.execute(f"INSERT INTO {table} SELECT * FROM part")  # noqa: S608 - names of our own  # nosec B608
    duck.unregister("part")


def _bodies(duck: duckdb.DuckDBPyConnection, keys: list[str]) -> dict[str, str]:
    """Basware's records of these keys, as JSON."""
    duck.register("wanted", pa.table({"key": keys}, schema=pa.schema([("key", pa.string())])))
    found = duck.execute(
        "SELECT w.key, t.body FROM wanted w JOIN ours o ON o.key = w.key "
        "JOIN theirs t ON t.external_code = o.external_code"
    ).fetchall()
    duck.unregister("wanted")
    return {str(key): str(body) for key, body in found}
