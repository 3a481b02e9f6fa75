"""What people decide about differences of suppliers, and who decided it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows.enrichment_decisions import approve, listed, reject
from connector_defs.store import audit
from connector_defs.store.leases import LeaseTaken
from connector_tests.flows.enriched import (
    SECOND,
    edit,
    in_syspro,
    look,
    publish_suppliers,
    states,
    term,
    vat,
    write,
)
from connector_tests.flows.pair import SUPPLIER, Pair, open_pair


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """Two suppliers that Basware tells otherwise of, and one question."""
    with open_pair(folder) as opened:
        publish_suppliers(opened)
        edit(opened, **term("60"), **vat("DE1", "DE2"))
        edit(opened, SECOND, **term("60"))
        look(opened)
        yield opened


def test_what_is_approved_goes_with_the_next_run_and_names_who_said_so(pair: Pair) -> None:
    decided = approve(pair.connector, pair.company, [SECOND], actor="ann")
    assert [(one.supplier, one.decided_by) for one in decided.changes] == [(SECOND, "ann")]
    assert write(pair).applied == 1
    assert in_syspro(pair, SECOND)[0] == "60"
    assert in_syspro(pair)[0] != "60"
    events = audit.show(pair.connector.store, f"enrichment/M1/{SECOND}/payment_terms")
    assert [(event.action, event.actor) for event in events] == [
        ("enrichment proposed", "connector"),
        ("enrichment approved", "ann"),
        ("enrichment intended", "connector"),
        ("enrichment applied", "connector"),
    ]


def test_all_means_all_that_is_proposed_and_no_question(pair: Pair) -> None:
    decided = approve(pair.connector, pair.company, None, actor="ann")
    assert (len(decided.changes), decided.refused) == (2, ())
    assert states(pair)[SUPPLIER, "tax_id"] == "review/SEVERAL_TAX_IDS"


def test_a_question_cannot_be_approved_and_says_what_to_do(pair: Pair) -> None:
    decided = approve(pair.connector, pair.company, [SUPPLIER], actor="ann")
    (refused,) = decided.refused
    assert len(decided.changes) == 1
    assert (refused.key, refused.code) == (f"{SUPPLIER} tax_id", "SEVERAL_TAX_IDS")
    assert "Basware" in refused.remedy


def test_what_is_rejected_stays_away_while_basware_holds_the_same(pair: Pair) -> None:
    reject(pair.connector, pair.company, [SECOND], actor="ann", reason="agreed otherwise")
    pair.sandbox.syspro.ledger.tables["ApSupplier"].update((SECOND,), {"TermsCode": "07"})
    report = look(pair)
    assert (report.rejected, states(pair)[SECOND, "payment_terms"]) == (1, "rejected")
    edit(pair, SECOND, **term("45"))
    look(pair)
    assert states(pair)[SECOND, "payment_terms"] == "proposed"


def test_a_rejection_may_be_taken_back_by_name(pair: Pair) -> None:
    reject(pair.connector, pair.company, None, actor="ann", reason="not now")
    approve(pair.connector, pair.company, None, actor="ann")
    assert states(pair)[SECOND, "payment_terms"] == "rejected"
    approve(pair.connector, pair.company, [SECOND], actor="bob")
    assert write(pair).applied == 1


def test_a_question_is_put_away_only_by_name(pair: Pair) -> None:
    reject(pair.connector, pair.company, None, actor="ann", reason="not now")
    assert states(pair)[SUPPLIER, "tax_id"] == "review/SEVERAL_TAX_IDS"
    reject(pair.connector, pair.company, [SUPPLIER], actor="ann", reason="known")
    assert states(pair)[SUPPLIER, "tax_id"] == "rejected/SEVERAL_TAX_IDS"
    assert look(pair).review == 0
    refused = approve(pair.connector, pair.company, [SUPPLIER], actor="ann").refused
    assert [problem.code for problem in refused] == ["SEVERAL_TAX_IDS"]


def test_a_supplier_without_a_difference_is_an_error_that_lists_what_may_be_meant(pair: Pair) -> None:
    with pytest.raises(Fatal, match=r"'2' .* nothing to approve \(did you mean '000000000000002'\?\)"):
        approve(pair.connector, pair.company, ["2", SUPPLIER], actor="ann")
    assert states(pair)[SUPPLIER, "payment_terms"] == "proposed"
    with pytest.raises(Fatal, match="nothing to reject: see"):
        reject(pair.connector, pair.company, ["x"], actor="ann", reason="")


def test_nobody_decides_while_a_run_is_at_work(pair: Pair) -> None:
    with pair.connector.leases.hold("enrichment/M1"), pytest.raises(LeaseTaken):
        approve(pair.connector, pair.company, None, actor="ann")


def test_the_list_is_by_company_and_state(pair: Pair) -> None:
    assert len(listed(pair.connector)) == len(listed(pair.connector, "1000")) == 3
    assert [one.field for one in listed(pair.connector, states=("review",))] == ["tax_id"]
    with pytest.raises(Fatal):
        listed(pair.connector, "nobody")
