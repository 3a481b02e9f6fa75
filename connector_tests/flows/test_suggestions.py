"""Candidates for account codes without a rule, from both systems as they stand."""

from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import RetryLater
from connector_defs.domain.gl_mapping import RuleKey, RuleStatus
from connector_defs.flows import mapping
from connector_defs.flows.suggestions import Candidates, candidates
from connector_defs.sandbox.world import WorldOptions
from connector_defs.store import mappings
from connector_defs.syspro import tables
from connector_defs.syspro.odata import ODataClient, QueryRefused, TableMissing
from connector_tests.flows.pair import ACCOUNT, TODAY, Pair, invoice, open_pair, row


def waiting(pair: Pair, number: str = "W-1", **fields: Any) -> None:
    coded = {"accountCode": "LEGACY-1", "accountName": "Electric", **fields}
    pair.approve(invoice(number, codingRows=[row(**coded)]))
    pair.run()


def grounds(one: Candidates, gl_code: str) -> str:
    return next("; ".join(each.grounds) for each in one.suggestions if each.gl_code == gl_code)


def names(pair: Pair) -> dict[str, str]:
    return {
        str(record["GlCode"]): str(record["Description"]) for record in pair.sandbox.world.tables["GenMaster"]
    }


def test_the_name_on_the_coding_row_finds_the_account_of_that_name(pair: Pair) -> None:
    waiting(pair, accountName="Tooling")
    (one,) = candidates(pair.connector)
    assert (one.company, one.account_code, one.account_name, one.invoices) == ("M1", "LEGACY-1", "Tooling", 1)
    best = one.suggestions[0]
    assert "Tooling" in names(pair)[best.gl_code]
    assert "the names are alike to 100 of 100: 'Tooling', 'Tooling'" in grounds(one, best.gl_code)
    assert one.command(best) == f"connector mapping set LEGACY-1 {best.gl_code} --company M1"
    assert [rule.account_code for rule in mapping.rules(pair.connector)] == [ACCOUNT]


def test_what_we_posted_for_the_supplier_speaks_for_a_code(pair: Pair) -> None:
    pair.approve(*(invoice(f"P-{number}") for number in range(4)))
    pair.run()
    waiting(pair, accountName="")
    (one,) = candidates(pair.connector)
    # The world has one posting of its own, to another code; lines of tax do not count.
    assert "4 of 5 ledger lines of supplier 000000000000001 were posted there" in grounds(one, ACCOUNT)


def test_what_stood_in_syspro_before_us_speaks_for_a_code(folder: Path) -> None:
    world = WorldOptions(
        suppliers=12, accounts=20, cost_centers=4, orders=8, lines=30, invoices=30, today=TODAY
    )
    with open_pair(folder, world) as pair:
        assert len(pair.sandbox.world.tables["ApJnlDistrib"])
        supplier = next(iter(pair.sandbox.world.tables["ApInvoice"]))["Supplier"]
        document = invoice("W-1", codingRows=[row(accountCode="LEGACY-1", accountName="")])
        pair.approve({**document, "supplierCode": supplier})
        pair.run()
        found = [one for one in candidates(pair.connector) if one.account_code == "LEGACY-1"]
    assert f"ledger lines of supplier {supplier} were posted there" in found[0].suggestions[0].grounds[0]


@pytest.fixture
def no_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that does not show its AP distributions."""
    by_keys = ODataClient.by_keys

    def refusing(self: ODataClient, table: tables.Table, *arguments: Any, **more: Any) -> Any:
        if table is tables.AP_JNL_DISTRIB:
            raise QueryRefused("no such table here")
        return by_keys(self, table, *arguments, **more)

    monkeypatch.setattr(ODataClient, "by_keys", refusing)


@pytest.mark.usefixtures("no_journals")
def test_where_syspros_journals_cannot_be_read_our_own_postings_are_enough(pair: Pair) -> None:
    pair.approve(*(invoice(f"P-{number}") for number in range(2)))
    pair.run()
    waiting(pair, accountName="")
    (one,) = candidates(pair.connector)
    assert "2 of 2 ledger lines" in grounds(one, ACCOUNT)


def test_a_site_that_hides_its_tax_codes_still_gets_suggestions(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = ODataClient.pages

    def hiding(self: ODataClient, table: tables.Table, **more: Any) -> Any:
        if table is tables.ADM_TAX:
            raise TableMissing("no such table here")
        return pages(self, table, **more)

    waiting(pair, accountName="Tooling")
    monkeypatch.setattr(ODataClient, "pages", hiding)
    (one,) = candidates(pair.connector)
    assert one.suggestions[0].gl_code == ACCOUNT


def test_what_the_supplier_was_posted_to_with_the_cost_centre_speaks_for_a_code(pair: Pair) -> None:
    pair.approve(invoice("P-1", codingRows=[row(costCenterCode="CC1")]))
    pair.run()
    with pair.connector.store.write() as connection:
        # A rule withdrawn since then says nothing any more.
        mappings.add(
            connection,
            "M1",
            "GONE",
            "CC1",
            "00-6020",
            author="ann",
            reason="gone",
            now=pair.connector.clock.now(),
            status=RuleStatus.RETIRED,
        )
    waiting(pair, accountName="", costCenterCode="CC1")
    (one,) = candidates(pair.connector)
    assert "1 of 1 other account codes with cost centre CC1 stand for it" in grounds(one, ACCOUNT)


def test_a_posting_whose_rule_is_withdrawn_is_no_ground(pair: Pair) -> None:
    pair.map("OLD", "00-6020")
    pair.approve(invoice("P-1", codingRows=[row(accountCode="OLD")]))
    pair.run()
    mapping.retire_rule(pair.connector, RuleKey("M1", "OLD"), actor="ann", reason="gone")
    waiting(pair, accountName="", costCenterCode="CC1")
    (one,) = candidates(pair.connector)
    # SYSPRO's journals still tell that the supplier was posted there.
    assert "1 of 2 ledger lines" in grounds(one, "00-6020")


def test_what_other_codes_with_the_cost_centre_stand_for_speaks_for_a_code(pair: Pair) -> None:
    for account in ("X", "Y", "Z"):
        pair.map(account, "00-6010", "CC1")
    pair.map("LEGACY-1", "00-6020", "CC9")
    waiting(pair, accountName="", costCenterCode="CC1")
    (one,) = candidates(pair.connector)
    told = grounds(one, "00-6010")
    assert "3 of 3 other account codes with cost centre CC1 stand for it" in told
    assert one.cost_centers == ("CC1",)


def test_rows_of_one_account_code_are_one_question_whatever_their_cost_centres(pair: Pair) -> None:
    waiting(pair, "W-1", costCenterCode="CC1")
    waiting(pair, "W-2", costCenterCode="CC2")
    (one,) = candidates(pair.connector, "1000")
    assert (one.invoices, one.cost_centers) == (2, ("CC1", "CC2"))


def test_codes_that_nothing_may_be_posted_to_and_tax_accounts_are_never_suggested(pair: Pair) -> None:
    pair.approve(*(invoice(f"P-{number}") for number in range(3)))
    pair.run()
    for name in ("Trade creditors control", "Input tax recoverable", "Overheads template"):
        waiting(pair, f"W-{name[:5]}", accountCode=f"L-{name[:5]}", accountName=name)
    offered = {each.gl_code for one in candidates(pair.connector) for each in one.suggestions}
    assert offered.isdisjoint({"00-2100", "00-2310", "00-9999"})


def test_an_account_code_that_nothing_waits_for_can_be_asked_about(pair: Pair) -> None:
    (one,) = candidates(pair.connector, account_code="6010")
    assert (one.invoices, one.suggestions[0].gl_code) == (0, "00-6010")
    assert candidates(pair.connector) == []


def test_only_the_company_asked_for_is_looked_at(pair: Pair) -> None:
    waiting(pair)
    first = pair.connector.settings.companies[0]
    second = first.model_copy(update={"syspro_company": "M2", "basware_company": "2000"})
    pair.connector.settings = pair.connector.settings.model_copy(update={"companies": (first, second)})
    assert candidates(pair.connector, "M2") == []
    assert [one.company for one in candidates(pair.connector)] == ["M1"]


def test_without_syspro_there_is_no_suggestion(pair: Pair) -> None:
    waiting(pair)
    pair.faults.arm("http_503", times=1000, site="syspro.odata")
    with pytest.raises(RetryLater):
        candidates(pair.connector)
