"""Names of secrets and their places: one name for each, whatever the settings hold."""

from typing import Any

import pytest

from connector_defs.secret_places import MEANINGS, SecretPlace, nearest, secret_places
from connector_defs.settings_reading import ENVIRONMENT

TREE: dict[str, Any] = {
    "companies": [
        {"syspro_company": "M1", "extra_operators": [{"operator": "INTEG2"}, {"nothing": 1}, "x"]},
        {"syspro_company": "M2", "operator_password": "given"},
        {"operator": "without a company"},
        "no table",
    ]
}


def names(tree: dict[str, Any]) -> list[str]:
    return [place.name for place in secret_places(tree)]


def test_the_single_ones_are_those_with_a_variable_and_each_says_what_it_opens() -> None:
    places = secret_places({})
    assert {place.name for place in places} == set(MEANINGS)
    assert all(place.name in ENVIRONMENT and place.variable == place.name for place in places)
    assert all(place.meaning for place in places)


def test_further_companies_and_operators_have_names_of_their_own() -> None:
    assert names(TREE)[len(MEANINGS) :] == [
        "SYSPRO_OPERATOR_PASSWORD/M1/INTEG2",
        "SYSPRO_OPERATOR_PASSWORD/M2",
        "SYSPRO_COMPANY_PASSWORD/M2",
    ]
    further = secret_places(TREE)[-1]
    assert (further.variable, further.meaning) == (
        None,
        "password of the SYSPRO company, where it has one (M2)",
    )


@pytest.mark.parametrize(
    "companies", [None, 1, {}, [], "M1", [{"extra_operators": 1, "syspro_company": "M1"}]]
)
def test_companies_of_any_other_shape_add_none(companies: object) -> None:
    assert set(names({"companies": companies})) == set(MEANINGS)


def test_a_place_is_read_and_filled() -> None:
    tree: dict[str, Any] = {
        "companies": [{"syspro_company": "M1"}, {"syspro_company": "M2", "operator_password": "given"}]
    }
    places = {place.name: place for place in secret_places(tree)}
    assert places["SYSPRO_OPERATOR_PASSWORD/M2"].value(tree) == "given"
    first = places["SYSPRO_OPERATOR_PASSWORD"]
    assert first.value(tree) is None
    first.fill(tree, "new")
    assert first.value(tree) == "new"


@pytest.mark.parametrize("tree", [{}, {"basware": "x"}, {"basware": []}])
def test_a_table_that_is_not_there_is_not_made(tree: dict[str, Any]) -> None:
    before = dict(tree)
    place = SecretPlace("BASWARE_CLIENT_SECRET", ("basware", "client_secret"))
    assert place.value(tree) is None
    place.fill(tree, "x")
    assert tree == before


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BASWARE_CLIENT_SECRTE", "BASWARE_CLIENT_SECRET"),
        ("basware-client-secret", "BASWARE_CLIENT_SECRET"),
        (" SYSPRO_OPERATOR_PASSWORD/m2", "SYSPRO_OPERATOR_PASSWORD/M2"),
        ("MYSQL", None),
    ],
)
def test_the_name_that_was_meant_is_found(name: str, meant: str | None) -> None:
    assert nearest(name, names(TREE)) == meant
