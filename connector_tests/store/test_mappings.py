"""GL mapping rules: append-only versions, the newest in force."""

from datetime import timedelta

from connector_defs.store import audit, mappings
from connector_defs.store.engine import Store
from connector_tests.store.builders import NOON, add_rule


def in_force(store: Store, company: str | None = None) -> list[tuple[str, str, str, int]]:
    with store.read() as connection:
        rules = mappings.in_force(connection, company)
    return [(rule.account_code, rule.cost_center, rule.gl_code, rule.version) for rule in rules]


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
    found = table.find("4000", "CC9")
    assert found is not None
    assert found.gl_code == "40"
    assert other.find("4000", "") is None


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


def test_the_longest_cost_centre_basware_knows_can_be_mapped(store: Store) -> None:
    add_rule(store, account="a" * 50, cost_center="c" * 200, gl_code="g" * 35)
    assert in_force(store) == [("a" * 50, "c" * 200, "g" * 35, 1)]
    assert audit.verify(store).ok
