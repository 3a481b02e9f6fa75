"""Suppliers that share a VAT number or a bank account: flagged before they are sent, or held back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.flows import overview
from connector_defs.flows.duplicates import supplier_duplicates
from connector_tests.flows.pair import SUPPLIER, TODAY, Pair, open_pair

OTHER = "000000000000002"
THIRD = "000000000000003"
IBAN = "DE89370400440532013000"


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    with open_pair(folder) as opened:
        yield opened


def change(pair: Pair, supplier: str, **columns: Any) -> None:
    pair.sandbox.world.tables["ApSupplier"].update((supplier,), columns)


def found(pair: Pair) -> dict[str, str]:
    """Supplier -> what it shares with whom."""
    pair.stage("suppliers", "supplier_addresses")
    return {
        problem.key: problem.reason for problem in supplier_duplicates(pair.connector, pair.company, TODAY)
    }


def test_suppliers_that_differ_are_no_duplicates(pair: Pair) -> None:
    assert found(pair) == {}


@pytest.mark.parametrize(
    ("mine", "theirs", "kind"),
    [
        ({"TaxRegnNum": "DE 123.456-789"}, {"TaxRegnNum": "de123456789"}, "VAT number"),
        ({"BankAccount": IBAN}, {"BankAccount": "DE89 3704 0044 0532 0130 00"}, "bank account"),
        ({"BankAccount": IBAN, "BankBranch": "A"}, {"BankAccount": IBAN, "BankBranch": "B"}, "bank account"),
        (
            {"BankAccount": "62001234", "BankBranch": "25-06-55"},
            {"BankAccount": "6200 1234", "BankBranch": "250655"},
            "bank account",
        ),
    ],
)
def test_both_are_named_however_the_number_is_typed(
    pair: Pair, mine: dict[str, str], theirs: dict[str, str], kind: str
) -> None:
    change(pair, SUPPLIER, **mine)
    change(pair, OTHER, **theirs)
    duplicates = found(pair)
    assert set(duplicates) == {SUPPLIER, OTHER}
    assert f"same {kind} as supplier '{OTHER}' (" in duplicates[SUPPLIER]
    assert f"same {kind} as supplier '{SUPPLIER}' (" in duplicates[OTHER]
    told = " ".join(duplicates.values())
    assert not any(number in told for number in (*mine.values(), *theirs.values()) if len(number) > 1)


@pytest.mark.parametrize(
    "shared",
    [
        {"TaxRegnNum": "N/A"},
        {"TaxRegnNum": "000000000"},
        {"TaxRegnNum": "EXEMPT"},
        {"TaxRegnNum": ""},
        {"BankAccount": "0000000000"},
        {"BankAccount": " "},
    ],
)
def test_what_many_write_where_they_have_no_number_is_none(pair: Pair, shared: dict[str, str]) -> None:
    change(pair, SUPPLIER, **shared)
    change(pair, OTHER, **shared)
    assert found(pair) == {}


def test_one_account_number_at_two_branches_is_two_accounts(pair: Pair) -> None:
    change(pair, SUPPLIER, BankAccount="62001234", BankBranch="1")
    change(pair, OTHER, BankAccount="62001234", BankBranch="2")
    assert found(pair) == {}


def test_a_supplier_on_hold_is_nobodys_duplicate(pair: Pair) -> None:
    change(pair, SUPPLIER, TaxRegnNum="DE123456789")
    change(pair, OTHER, TaxRegnNum="DE123456789", OnHold="Y")
    assert found(pair) == {}


def test_of_many_a_few_are_named(pair: Pair) -> None:
    keys = [f"{number:015d}" for number in (1, 2, 3, 5, 6, 7, 8)]
    for key in keys:
        change(pair, key, TaxRegnNum="DE123456789", OnHold="N")
    assert found(pair)[SUPPLIER].count("supplier '") == 5
    assert found(pair)[SUPPLIER].endswith("and 1 more")


def test_they_are_sent_and_reported_once(pair: Pair) -> None:
    for key in (SUPPLIER, OTHER):
        change(pair, key, TaxRegnNum="DE123456789")
    pair.stage()
    report = pair.publish("taxCodes", "paymentTerms", "vendors")["vendors"]
    flagged = {problem.key for problem in report.problems if problem.code == "DUPLICATE_SUPPLIER"}
    assert flagged == {SUPPLIER, OTHER}
    assert report.confirmed == 10
    again = pair.publish("vendors")["vendors"]
    assert (again.requests, again.problems) == (0, ()), (
        "an unchanged night is quiet; the check shows what stands"
    )


def test_a_new_supplier_is_flagged_against_one_that_went_before(pair: Pair) -> None:
    change(pair, SUPPLIER, BankAccount=IBAN)
    pair.stage()
    pair.publish("paymentTerms", "vendors")
    change(pair, OTHER, BankAccount=IBAN)
    pair.stage("suppliers", "supplier_addresses")
    report = pair.publish("vendors")["vendors"]
    assert report.sent == 1, "the other one has not changed"
    (problem,) = report.problems
    assert problem.key == OTHER
    assert f"supplier '{SUPPLIER}'" in problem.reason
    assert "on hold" in problem.remedy


def test_held_back_they_wait_until_one_of_them_is_on_hold(folder: Path) -> None:
    with open_pair(folder, publishing={"duplicate_suppliers": "hold"}) as pair:
        for key in (SUPPLIER, OTHER):
            change(pair, key, BankAccount=IBAN)
        pair.sync()
        kept = {problem.key: problem for problem in overview.quarantined(pair.connector)}
        assert {kept[key].code for key in (SUPPLIER, OTHER)} == {"DUPLICATE_SUPPLIER"}
        assert OTHER in kept[SUPPLIER].reason
        assert IBAN not in kept[SUPPLIER].reason
        codes = {record["vendorCode"] for record in pair.sandbox.basware.in_target["vendors"].values()}
        assert not codes & {SUPPLIER, OTHER}
        assert THIRD in codes
        change(pair, OTHER, OnHold="Y")
        pair.sync()
        held = {record["vendorCode"]: record for record in pair.sandbox.basware.in_target["vendors"].values()}
        assert held[SUPPLIER]["processingStatus"]["active"] is True
        assert held[OTHER]["processingStatus"]["active"] is False
