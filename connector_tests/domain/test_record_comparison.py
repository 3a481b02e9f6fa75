"""What counts as a difference between a record we would send and the one Basware holds."""

from decimal import Decimal
from typing import Any

import pytest

from connector_defs.domain.record_comparison import FieldDifference, differing_fields, is_active


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[FieldDifference]:
    return differing_fields(ours, theirs, list(ours))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (None, None),
        (None, ""),
        (None, []),
        (None, {}),
        (False, None),
        (None, False),
        ("Tooling", "Tooling  "),
        ("2026-11-09", "2026-11-09T00:00:00"),
        ("2026-11-09", "2026-11-09T00:00:00Z"),
        (Decimal("12.5"), Decimal("12.500000")),
        (Decimal("0.1"), Decimal("0.1000000000000000055511151231257827")),
        (12, Decimal("12.0")),
        (True, True),
        ([{"language": "en-US", "translation": "A"}], [{"language": "en-US", "translation": "A", "id": 1}]),
        (
            [{"language": "en-US", "translation": "A"}, {"language": "de", "translation": "B"}],
            [{"language": "de", "translation": "B"}, {"language": "en-US", "translation": "A"}],
        ),
        (
            [{"externalCode": "r", "quantity": 1}],
            [{"externalCode": "r", "quantity": 1, "invoicedQuantity": 1}],
        ),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        (["x", "y"], ["x", "y"]),
    ],
)
def test_one_value_in_two_forms_is_no_difference(ours: Any, theirs: Any) -> None:
    assert differences({"field": ours}, {"field": theirs}) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "field", "told"),
    [
        ("Tooling", "Jigs", "field", ("Tooling", "Jigs")),
        ("Tooling", None, "field", ("Tooling", "")),
        (None, "typed by hand", "field", ("", "typed by hand")),
        (True, None, "field", ("true", "")),
        (True, 1, "field", ("true", "1")),
        ("2026-11-09", "2026-11-10T00:00:00", "field", ("2026-11-09", "2026-11-10T00:00:00")),
        (Decimal("12.50"), Decimal("12.51"), "field", ("12.50", "12.51")),
        (0, None, "field", ("0", "")),
        ("1", 1, "field", ("1", "1")),
        ({"a": 1}, None, "field.a", ("1", "")),
        (["x"], ["y"], "field[#1]", ("x", "y")),
        ([], ["y"], "field[#1]", ("", "y")),
        (
            [{"language": "de", "translation": "A"}],
            [{"language": "de", "translation": "B"}],
            "field[de].translation",
            ("A", "B"),
        ),
        ([{"companyCode": "1", "inherit": True}], [], "field[1]", ("companyCode 1, inherit true", "")),
        (
            [],
            [{"companyCode": "2", "tags": ["a", "b"], "note": None}],
            "field[2]",
            ("", "companyCode 2, tags a, b"),
        ),
        ("x" * 100, "y", "field", ("x" * 79 + "…", "y")),
    ],
)
def test_another_value_is_told_with_its_place_and_both_values(
    ours: Any, theirs: Any, field: str, told: tuple[str, str]
) -> None:
    assert differences({"field": ours}, {"field": theirs}) == [FieldDifference(field, *told)]


def test_elements_of_one_name_are_told_apart_by_their_place() -> None:
    twice = [{"name": "a", "x": 1}, {"name": "a", "x": 2}]
    assert differences({"field": twice}, {"field": twice}) == []


def test_a_bank_account_is_compared_and_never_shown() -> None:
    def means(iban: str) -> dict[str, Any]:
        return {"paymentMeansCode": "D", "financialAccounts": [{"name": "a", "id": iban}]}

    ours, theirs = {"paymentMeans": [means("DE1")]}, {"paymentMeans": [means("DE2")]}
    (changed,) = differences(ours, theirs)
    (lacking,) = differences(ours, {})
    assert changed.field == "paymentMeans[D].financialAccounts[a].id"
    assert "DE1" not in f"{changed}{lacking}"
    assert "DE2" not in f"{changed}{lacking}"


@pytest.mark.parametrize(
    ("entity", "record", "active"),
    [
        ("vendors", {"processingStatus": {"active": True}}, True),
        ("vendors", {"processingStatus": {"active": False}}, False),
        ("vendors", {}, True),
        ("matchingOrders", {"isClosed": True}, False),
        ("matchingOrders", {"isClosed": None}, True),
        ("matchingOrderLines", {"isClosed": False, "isDeleted": True}, False),
        ("matchingOrderLines", {}, True),
        ("accounts", {"companies": [{"companyCode": "1", "active": False}]}, False),
        ("accounts", {"companies": [{"active": False}, {"active": True}]}, True),
        ("accounts", {"companies": []}, True),
        ("accounts", {}, True),
    ],
)
def test_a_record_is_active_unless_basware_says_otherwise(
    entity: str, record: dict[str, Any], active: bool
) -> None:
    assert is_active(entity, record) is active


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"processingStatus": {"active": True}}, {"processingStatus": {"active": False}}),
        ({"isClosed": True}, {"isClosed": False}),
        ({"isDeleted": False}, {"isDeleted": True}),
        (
            {"companies": [{"companyCode": "1", "active": True}]},
            {"companies": [{"companyCode": "1", "active": False}]},
        ),
    ],
)
def test_the_active_state_is_judged_apart_from_the_fields(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    assert differences(ours, theirs) == []
