"""The most specific mapping rule wins."""

import pytest

from connector_defs.domain.gl_mapping import MappingTable
from connector_tests.domain.builders import rule

TABLE = MappingTable(
    [rule("4000", "any"), rule("4000", "one", "CC1"), rule("5000", "two", "CC2"), rule(" 4000", "padded")]
)


@pytest.mark.parametrize(
    ("account", "cost_center", "gl_code"),
    [
        ("4000", "CC1", "one"),
        ("4000", "CC2", "any"),
        ("4000", "", "any"),
        ("5000", "CC2", "two"),
        ("5000", "CC1", None),
        ("5000", "", None),
        ("6000", "CC1", None),
        (" 4000", "", "padded"),
        ("04000", "", None),
    ],
)
def test_the_rule_for_account_and_cost_centre_goes_before_the_one_for_the_account(
    account: str, cost_center: str, gl_code: str | None
) -> None:
    found = TABLE.find(account, cost_center)
    assert (found.gl_code if found else None) == gl_code


def test_no_rule_at_all_maps_nothing() -> None:
    assert MappingTable([]).find("4000", "") is None
