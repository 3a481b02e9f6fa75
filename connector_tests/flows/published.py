"""Records on their way to P2P and there: what tests of publishing need beside the pair.

Belongs here: publishing single entities, and looking at one record here, in SYSPRO and in P2P. Not here: any
expectation of one single test.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from connector_defs.basware.answers import Receipt
from connector_defs.flows import overview
from connector_defs.flows.entities import ENTITIES
from connector_defs.flows.entities import entity as entity_named
from connector_defs.flows.reports import Problem, PublishReport
from connector_defs.sandbox.world.tables import TableStore, Value
from connector_defs.store import audit, records
from connector_defs.store.records import Record
from connector_tests.flows.pair import SMALL, Pair

ENDPOINTS = tuple(entity.name for entity in ENTITIES)
TOMORROW = date(2026, 11, 21)
ORDER = "000000000010001"
ORDERLESS_SUPPLIER = "000000000000005"
# A company with orders enough for a mistake of each kind; those of one supplier, open and in its own currency.
MANY_ORDERS = replace(SMALL, orders=24, lines=72)
SOUND_ORDERS = ("000000000010009", "000000000010012", "000000000010021", "000000000010024")


def table(pair: Pair, name: str) -> TableStore:
    """A table of SYSPRO."""
    return pair.sandbox.world.tables[name]


def posts(pair: Pair) -> int:
    """POSTs of records so far."""
    return sum(pair.sandbox.basware.requests[f"POST {endpoint}"] for endpoint in ENDPOINTS)


def refresh(pair: Pair, *entities: str) -> dict[str, PublishReport]:
    """Stage what these entities are made of, and publish them alone."""
    reports = {}
    for name in entities:
        pair.stage(*entity_named(name).sources)
        reports |= pair.publish(name)
    return reports


def load_before(pair: Pair, entity: str) -> None:
    """Stage all, and publish what comes before an entity."""
    pair.stage()
    publish_before(pair, entity)


def publish_before(pair: Pair, entity: str) -> None:
    """Publish what comes before an entity, from what is staged."""
    for earlier in ENDPOINTS[: ENDPOINTS.index(entity)]:
        pair.publish(earlier)


def record(pair: Pair, entity: str, key: str) -> Record:
    """What we know of one published record."""
    with pair.connector.store.read() as connection:
        return records.by_keys(connection, entity, pair.company.syspro_company, [key])[key]


def states(pair: Pair, entity: str) -> dict[str, int]:
    """How many records of an entity `connector status` shows in which state, without the empty ones."""
    counted = overview.status(pair.connector).records[entity]
    return {state: number for state, number in counted.items() if number}


def refused(pair: Pair, key: str) -> Problem:
    """What we say of a record that Basware refused."""
    (problem,) = [problem for problem in overview.refused(pair.connector) if problem.key == key]
    return problem


def kept_back(pair: Pair, key: str) -> Problem:
    """What we say of a record that cannot be sent."""
    (problem,) = [problem for problem in overview.quarantined(pair.connector) if problem.key == key]
    return problem


def code_of(pair: Pair, entity: str, *key: str) -> str:
    """externalCode of a record of the pair's company."""
    return pair.connector.site(pair.company).external_code(entity, *key)


def target(pair: Pair, entity: str) -> dict[str, dict[str, Any]]:
    """All records of an entity in P2P, by externalCode."""
    return pair.sandbox.basware.in_target.get(entity, {})


def in_target(pair: Pair, entity: str, key: str) -> dict[str, Any]:
    """The record as P2P holds it."""
    return target(pair, entity)[record(pair, entity, key).external_code]


def lines_in_target(pair: Pair, order: str = ORDER) -> dict[str, dict[str, Any]]:
    """The lines of an order as P2P holds them, by line number, without those deleted there."""
    code = code_of(pair, "matchingOrders", order)
    found = [
        line for line in target(pair, "matchingOrderLines").values() if line["orderExternalCode"] == code
    ]
    return {line["lineNumber"]: line for line in found if not line["isDeleted"]}


def is_gone(entity: str, held: dict[str, Any]) -> bool:
    """Whether P2P shows a record as no longer in use."""
    match entity:
        case "vendors":
            return held["processingStatus"]["active"] is False
        case "matchingOrders":
            return held["isClosed"] is True
        case "matchingOrderLines":
            return held["isClosed"] is True and held["isDeleted"] is True
        case _:
            return [company["active"] for company in held["companies"]] == [False]


def delete_row(pair: Pair, name: str, *key: Value) -> dict[str, Value]:
    """Take a row out of SYSPRO; returns it."""
    row = table(pair, name).get(*key)
    assert row is not None
    assert table(pair, name).delete(key)
    return row


def grow_order(pair: Pair, lines: int) -> None:
    """Give one open order many more lines."""
    model = table(pair, "PorMasterDetail").get(ORDER, 1)
    assert model is not None
    for number in range(100, 100 + lines):
        table(pair, "PorMasterDetail").insert({**model, "Line": number})


def published_lines(pair: Pair) -> list[str]:
    """Keys of all order lines that we know."""
    with pair.connector.store.read() as connection:
        return [row.key for part in records.known(connection, "matchingOrderLines", "M1") for row in part]


def incomplete(pair: Pair) -> list[str]:
    """Orders of which P2P does not hold all lines, by our own word."""
    with pair.connector.store.read() as connection:
        return records.incomplete_orders(connection, pair.company.syspro_company)


def assert_adds_up(report: PublishReport) -> None:
    """staged = unchanged + sent + quarantined + held; sent = confirmed + pending + failed."""
    sent = report.sent - report.deactivated
    assert report.staged == report.unchanged + sent + report.quarantined + report.held, report
    assert report.sent == report.confirmed + report.pending + report.failed, report


def assert_quiet(pair: Pair, *entities: str) -> None:
    """One more run sends nothing, and the audit trail is whole."""
    before = posts(pair)
    refresh(pair, *entities)
    assert posts(pair) == before, "one more run sends nothing"
    assert audit.verify(pair.connector.store).ok


def stop_amid_the_lines(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish order lines and be interrupted before the second request goes."""
    post, calls = pair.connector.basware.post, []

    def stop_at_the_second(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        calls.append(endpoint)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return post(endpoint, payload)

    monkeypatch.setattr(pair.connector.basware, "post", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        pair.publish("matchingOrderLines")
    monkeypatch.undo()
