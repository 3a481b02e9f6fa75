"""GL mapping rules: append-only versions, the newest in force."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from connector_defs.domain.errors import RetryLater
from connector_defs.domain.gl_mapping import MappingRule, RuleKey, RuleStatus
from connector_defs.store import audit, mappings, schema
from connector_defs.store.engine import Store, make_engine
from connector_defs.store.mappings import Standing
from connector_defs.store.schema import open_store
from connector_tests.domain.builders import row
from connector_tests.store.builders import NOON, add_rule


def in_force(store: Store, company: str | None = None) -> list[tuple[str, str, str, int]]:
    with store.read() as connection:
        rules = mappings.in_force(connection, company)
    return [(rule.account_code, rule.cost_center, rule.gl_code, rule.version) for rule in rules]


def in_force_rules(store: Store) -> list[MappingRule]:
    with store.read() as connection:
        return mappings.in_force(connection)


def test_the_newest_version_of_each_rule_is_in_force(store: Store) -> None:
    add_rule(store, gl_code="40")
    add_rule(store, gl_code="41")
    add_rule(store, gl_code="42", cost_center="CC1")
    add_rule(store, account="5000", gl_code="50")
    assert in_force(store) == [("4000", "", "41", 2), ("4000", "CC1", "42", 1), ("5000", "", "50", 1)]
    assert in_force(store, "M1") == in_force(store)
    assert in_force(store, "M2") == []


def test_a_rule_tells_who_set_it_when_and_why(store: Store) -> None:
    with store.write() as connection:
        rule = mappings.add(connection, "M1", "4000", "CC1", "40", author="ann", reason="audit", now=NOON)
    with store.read() as connection:
        assert mappings.in_force(connection) == [rule]
    assert (rule.author, rule.reason, rule.created_at, rule.version) == ("ann", "audit", NOON, 1)
    (event,) = audit.show(store, "mapping/M1/4000/CC1")
    assert (event.action, event.actor, event.key, event.at) == ("mapping set", "ann", "4000", NOON)
    assert {
        "gl_code": "40",
        "cost_center": "CC1",
        "version": 1,
        "reason": "audit",
    }.items() <= event.detail.items()


def test_the_rules_of_a_company_can_be_asked(store: Store) -> None:
    add_rule(store, gl_code="40")
    with store.read() as connection:
        table = mappings.table_of(connection, "M1")
        other = mappings.table_of(connection, "M2")
    assert table.find(row(account_code="4000", cost_center="CC9"), None) == in_force_rules(store)[0]
    assert other.find(row(account_code="4000"), None) is None


def test_a_published_account_stands_for_itself_where_no_rule_says_otherwise(store: Store) -> None:
    add_rule(store, gl_code="99")
    add_rule(store, account="5000", gl_code="50", cost_center="CC1")
    with store.write() as connection:
        added = mappings.add_identities(connection, "M1", ["4000", "5000", "6000", "6000"], NOON)
    assert added == 2
    assert in_force(store) == [
        ("4000", "", "99", 1),
        ("5000", "", "5000", 1),
        ("5000", "CC1", "50", 1),
        ("6000", "", "6000", 1),
    ]
    with store.write() as connection:
        assert mappings.add_identities(connection, "M1", ["4000", "6000"], NOON + timedelta(days=1)) == 0
        assert mappings.add_identities(connection, "M1", [], NOON) == 0
    assert audit.verify(store).ok


@pytest.mark.parametrize("letter", ["a", "🙂"])
def test_the_longest_cost_centre_and_dimensions_can_be_mapped(store: Store, letter: str) -> None:
    dimensions = (("dim1", "".join(letter for _ in range(295))),)
    add_rule(store, account=letter * 50, cost_center=letter * 200, gl_code="g" * 35, dimensions=dimensions)
    assert in_force(store) == [(letter * 50, letter * 200, "g" * 35, 1)]
    assert in_force_rules(store)[0].dimensions == dimensions
    assert audit.verify(store).ok


NORTH = (("dim1", "NORTH"), ("project", "P;7"))
JULY = date(2026, 7, 1)


def test_what_a_rule_pins_and_when_it_begins_make_it_a_rule_of_its_own(store: Store) -> None:
    add_rule(store, gl_code="any")
    add_rule(store, gl_code="north", dimensions=NORTH)
    add_rule(store, gl_code="july", valid_from=JULY, valid_to=date(2026, 7, 31))
    add_rule(store, gl_code="until june", valid_to=date(2026, 6, 30))
    kept = {
        (one.gl_code, one.version, one.dimensions, one.valid_from, one.valid_to)
        for one in in_force_rules(store)
    }
    assert kept == {
        ("until june", 2, (), None, date(2026, 6, 30)),
        ("north", 1, NORTH, None, None),
        ("july", 1, (), JULY, date(2026, 7, 31)),
    }
    assert {event.detail.get("valid_to") for event in audit.show(store, "mapping/M1/4000/")} == {
        None,
        "2026-07-31",
        "2026-06-30",
    }
    assert audit.verify(store).ok


def test_a_proposal_changes_nothing_and_stands_beside_the_rule_in_force(store: Store) -> None:
    add_rule(store, gl_code="40")
    add_rule(store, gl_code="41", status=RuleStatus.PROPOSED)
    assert in_force(store) == [("4000", "", "40", 1)]
    with store.read() as connection:
        (proposal,) = mappings.pending(connection, "M1")
        assert mappings.pending(connection, "M2") == []
        standing = mappings.standings(connection, "M1")[proposal.key]
    assert (proposal.gl_code, proposal.status) == ("41", RuleStatus.PROPOSED)
    assert standing.version == 2
    assert standing.in_force is not None
    assert standing.in_force.gl_code == "40"
    assert standing.pending == proposal


def test_an_approved_proposal_is_in_force_and_tells_both_persons(store: Store) -> None:
    add_rule(store, gl_code="41", status=RuleStatus.PROPOSED)
    with store.write() as connection:
        (proposal,) = mappings.pending(connection)
        approved = replace(proposal, version=2, status=RuleStatus.ACTIVE, approved_by="bob")
        mappings.write(connection, [approved], NOON, actor="bob", note="checked")
    assert in_force_rules(store) == [approved]
    with store.read() as connection:
        assert mappings.pending(connection) == []
    last = audit.show(store, "4000")[-1]
    assert (last.action, last.actor, last.detail["approved_by"], last.detail["note"]) == (
        "mapping approved",
        "bob",
        "bob",
        "checked",
    )
    assert audit.verify(store).ok


@pytest.mark.parametrize(
    ("status", "maps", "waits"),
    [
        (RuleStatus.RETIRED, False, False),
        (RuleStatus.RETIRING, True, True),
        (RuleStatus.REFUSED, True, False),
    ],
)
def test_what_the_newest_version_says_decides(
    store: Store, status: RuleStatus, maps: bool, waits: bool
) -> None:
    add_rule(store)
    add_rule(store, status=status)
    with store.read() as connection:
        assert bool(mappings.in_force(connection)) is maps
        assert bool(mappings.pending(connection)) is waits


@pytest.mark.parametrize(
    ("statuses", "added"),
    [
        ([RuleStatus.PROPOSED], 0),
        ([RuleStatus.RETIRED], 0),
        ([RuleStatus.PROPOSED, RuleStatus.REFUSED], 1),
    ],
)
def test_an_identity_neither_brings_back_a_withdrawn_rule_nor_goes_before_a_proposal(
    store: Store, statuses: list[RuleStatus], added: int
) -> None:
    for status in statuses:
        add_rule(store, status=status)
    with store.write() as connection:
        assert mappings.add_identities(connection, "M1", ["4000"], NOON) == added
    assert len(in_force(store)) == added


def test_a_rule_for_later_or_for_a_dimension_keeps_no_identity_away(store: Store) -> None:
    add_rule(store, gl_code="later", valid_from=JULY)
    add_rule(store, gl_code="north", dimensions=NORTH)
    with store.write() as connection:
        assert mappings.add_identities(connection, "M1", ["4000"], NOON) == 1
    assert audit.verify(store).ok


def test_two_persons_who_write_the_same_version_are_told_apart(store: Store) -> None:
    add_rule(store)
    (rule,) = in_force_rules(store)
    with pytest.raises(RetryLater, match="another worker"), store.write() as connection:
        mappings.write(connection, [rule], NOON)
    assert audit.verify(store).ok


def test_rules_of_one_account_are_read_alone(store: Store) -> None:
    add_rule(store)
    add_rule(store, account="5000")
    with store.read() as connection:
        assert list(mappings.standings(connection, "M1", "5000")) == [RuleKey("M1", "5000")]
        assert len(mappings.standings(connection, "M1")) == 2
        assert mappings.standings(connection, "M2") == {}
    assert Standing(0).in_force is None


def test_no_event_is_written_where_no_version_is(store: Store) -> None:
    with store.write() as connection:
        mappings.write(connection, [], NOON)
    assert audit.verify(store).events == 0


def test_rules_of_the_schema_before_are_taken_over_and_their_audit_holds(empty_url: str) -> None:
    """The upgrade adds columns; digests written before it must still be those of the rows."""
    store = open_store(empty_url)
    add_rule(store, gl_code="40")
    add_rule(store, gl_code="41")
    store.close()
    engine = make_engine(empty_url)
    kept = "company, account_code, cost_center, version, gl_code, author, reason, created_at"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE old AS SELECT {kept} FROM gl_mapping"))
        connection.execute(text("DROP TABLE gl_mapping"))
        connection.execute(text("ALTER TABLE old RENAME TO gl_mapping"))
        for later in (
            "intake_cursor",
            "data_extract",
            "hold",
            "payment",
            "payment_cursor",
            "published_reading",
        ):
            connection.execute(text(f"DROP TABLE IF EXISTS {later}"))
        connection.execute(text("ALTER TABLE published_record DROP COLUMN read_at"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    engine.dispose()
    schema.upgrade(empty_url)
    store = open_store(empty_url)
    assert in_force(store) == [("4000", "", "41", 2)]
    assert audit.verify(store).ok
    add_rule(store, gl_code="42")
    assert in_force(store) == [("4000", "", "42", 3)]
    store.close()
