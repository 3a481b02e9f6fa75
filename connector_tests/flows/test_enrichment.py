"""Payment terms and tax ids from Basware's vendors to SYSPRO's suppliers: shown, approved, written, confirmed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.enrichment import (
    BANK_DATA_DIFFERS,
    COLUMN_NOT_SHOWN,
    SEVERAL_TAX_IDS,
    TERMS_NOT_READ,
    TOO_LONG,
    UNKNOWN_TERM,
)
from connector_defs.flows.enrichment import preview
from connector_defs.flows.enrichment_decisions import approve, listed
from connector_defs.flows.enrichment_reports import (
    AWAITS_APPROVAL,
    REPORTED,
)
from connector_defs.sandbox.basware.vendor_changes import VendorChange
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world import WorldOptions
from connector_defs.store import audit
from connector_tests.flows.enriched import (
    QUOTED,
    SECOND,
    UPDATE,
    edit,
    in_syspro,
    look,
    publish_suppliers,
    states,
    suppliers,
    term,
    vat,
    write,
)
from connector_tests.flows.pair import SUPPLIER, TODAY, Pair, open_pair

# 200 vendors that Basware holds as active, and some on hold beside them.
LARGE = WorldOptions(suppliers=212, accounts=20, cost_centers=4, orders=8, lines=30, invoices=0, today=TODAY)


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """Suppliers published to Basware, where nobody has changed anything yet."""
    with open_pair(folder) as opened:
        publish_suppliers(opened)
        yield opened


@pytest.fixture
def automatic(folder: Path) -> Iterator[Pair]:
    """The same where the setting approves."""
    with open_pair(folder, enrichment={"apply": "automatic"}) as opened:
        publish_suppliers(opened)
        yield opened


def test_two_hundred_vendors_are_shown_approved_written_confirmed_and_not_sent_back(folder: Path) -> None:
    with open_pair(folder, LARGE) as pair:
        pair.sync()
        changes = pair.sandbox.basware.enrich_vendors(200)
        before = suppliers(pair)
        wanted = expected(before, changes)
        fields = sum(bool(change.terms) + bool(change.tax_id) for change in changes)

        foreseen = preview(pair.connector, pair.company)
        assert foreseen.proposed == fields
        assert foreseen.review == 4
        assert states(pair) == {}

        proposed = look(pair)
        assert (proposed.proposed, proposed.review) == (fields, 4)
        assert {(one.supplier, one.field, one.basware) for one in proposed.changes} == {
            (one.supplier, one.field, one.basware) for one in foreseen.changes
        }
        assert write(pair).due == 0
        assert suppliers(pair) == before

        approve(pair.connector, pair.company, None, actor="ann")
        written = write(pair)
        assert (written.applied, written.refused, written.failed, written.waiting) == (fields, 0, 0, 0)
        assert written.logons == 1
        assert suppliers(pair) == wanted

        posts = pair.sandbox.basware.requests["POST vendors"]
        again = pair.sync()
        assert pair.sandbox.basware.requests["POST vendors"] == posts
        assert all(report.sent == 0 for report in again.values())
        assert look(pair).proposed == 0
        assert audit.verify(pair.connector.store).ok
        assert pair.sandbox.syspro.sessions == ()


def expected(
    before: Mapping[str, Mapping[str, Any]], changes: Sequence[VendorChange]
) -> dict[str, dict[str, Any]]:
    """The suppliers as they must stand: nothing but terms and tax ids is changed, nothing hostile taken over."""
    wanted = {code: dict(row) for code, row in before.items()}
    assert len({change.kind for change in changes}) == 9
    for change in changes:
        row = wanted[change.vendor_code]
        row["TermsCode"] = change.terms or row["TermsCode"]
        row["TaxRegnNum"] = change.tax_id or row["TaxRegnNum"]
    return wanted


def test_what_basware_tells_otherwise_is_proposed_with_both_values(pair: Pair) -> None:
    before = in_syspro(pair)
    edit(pair, **term("60"), **vat("DE811"))
    report = look(pair)
    assert [(one.field, one.syspro, one.basware, one.state) for one in report.changes] == [
        ("payment_terms", before[0], "60", "proposed"),
        ("tax_id", before[1], "DE811", "proposed"),
    ]
    assert {problem.code for problem in report.problems} == {AWAITS_APPROVAL}
    assert in_syspro(pair) == before


def test_an_unchanged_site_proposes_nothing(pair: Pair) -> None:
    report = look(pair)
    assert report.compared == report.vendors > 0
    assert (report.changes, report.problems, report.notes) == ((), (), ())
    assert write(pair).due == 0


def test_the_setting_may_approve(automatic: Pair) -> None:
    edit(automatic, QUOTED, **term("60"), **vat("DE811"))
    report = look(automatic)
    assert (report.approved, report.problems) == (2, ())
    assert write(automatic).applied == 2
    assert in_syspro(automatic, QUOTED) == ("60", "DE811")
    assert states(automatic) == {(QUOTED, "payment_terms"): "applied", (QUOTED, "tax_id"): "applied"}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (term("NET90EOM"), {"payment_terms": f"review/{UNKNOWN_TERM}"}),
        (vat("XX" + "9" * 32), {"tax_id": f"review/{TOO_LONG}"}),
        (vat("DE1", "DE2"), {"tax_id": f"review/{SEVERAL_TAX_IDS}"}),
        ({"paymentTerms": None, "identifiers": None}, {}),
    ],
)
def test_what_cannot_be_taken_over_waits_and_writes_nothing(
    automatic: Pair, fields: dict[str, Any], state: dict[str, str]
) -> None:
    before = suppliers(automatic)
    edit(automatic, **fields)
    report = look(automatic)
    write(automatic)
    assert states(automatic) == {(SUPPLIER, field): told for field, told in state.items()}
    assert len(report.problems) == len(state)
    assert suppliers(automatic) == before
    assert automatic.sandbox.syspro.requests[UPDATE] == 0


def test_h23_bank_data_of_basware_is_reported_and_never_written(automatic: Pair) -> None:
    before = suppliers(automatic)
    account = {"schemeId": "IBAN", "id": "GB33BUKB20201555555555"}
    means = {
        "paymentMeansCode": "DEFAULT",
        "financialAccounts": [{"financialAccountIdentifiers": [account]}],
    }
    edit(automatic, paymentMeans=[means])
    (change,) = look(automatic).changes
    write(automatic)
    assert (change.field, change.state, change.outcome) == ("bank_data", "review", REPORTED)
    assert states(automatic) == {(SUPPLIER, "bank_data"): f"review/{BANK_DATA_DIFFERS}"}
    assert suppliers(automatic) == before
    told = [str(event.detail) for event in audit.show(automatic.connector.store, SUPPLIER)]
    assert not any("BUKB" in text for text in told)


def test_a_question_that_was_answered_in_basware_is_no_question_any_more(automatic: Pair) -> None:
    edit(automatic, **term("ZZ"))
    look(automatic)
    edit(automatic, **term("60"))
    look(automatic)
    write(automatic)
    assert states(automatic) == {(SUPPLIER, "payment_terms"): "applied"}


def test_a_term_set_up_in_syspro_meanwhile_is_taken_over_with_the_next_whole_list(automatic: Pair) -> None:
    edit(automatic, **term("90"))
    look(automatic)
    automatic.sandbox.syspro.ledger.tables["TblApTerms"].insert({"TermsCode": "90", "Description": "90 days"})
    automatic.next_day()
    look(automatic)
    write(automatic)
    assert in_syspro(automatic)[0] == "90"


def test_what_basware_takes_back_is_superseded_before_it_is_written(pair: Pair) -> None:
    term_before = in_syspro(pair)[0]
    edit(pair, **term("60"))
    look(pair)
    approve(pair.connector, pair.company, [SUPPLIER], actor="ann")
    edit(pair, **term(term_before))
    report = look(pair)
    assert (report.superseded, report.approved) == (1, 0)
    assert write(pair).due == 0


def test_another_value_in_basware_needs_another_approval(pair: Pair) -> None:
    edit(pair, **term("60"))
    look(pair)
    approve(pair.connector, pair.company, [SUPPLIER], actor="ann")
    edit(pair, **term("45"))
    look(pair)
    write(pair)
    assert states(pair) == {(SUPPLIER, "payment_terms"): "proposed"}
    assert in_syspro(pair)[0] not in ("45", "60")


def test_another_value_in_syspro_is_shown_before_anybody_approves(pair: Pair) -> None:
    edit(pair, **term("60"))
    look(pair)
    pair.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), {"TermsCode": "07"})
    (change,) = look(pair).changes
    assert (change.syspro, change.basware, change.state) == ("07", "60", "proposed")


def test_a_setting_that_no_longer_approves_lets_what_it_approved_wait(folder: Path) -> None:
    with open_pair(folder, enrichment={"apply": "automatic"}) as pair:
        publish_suppliers(pair)
        edit(pair, **term("60"))
        look(pair)
        chosen = pair.connector.settings.enrichment.model_copy(update={"apply": "approval"})
        pair.connector.settings = pair.connector.settings.model_copy(update={"enrichment": chosen})
        assert write(pair).waiting == 1
        assert in_syspro(pair)[0] != "60"
        look(pair)
        assert states(pair) == {(SUPPLIER, "payment_terms"): "proposed"}


def test_a_setting_that_approves_now_takes_what_waited(pair: Pair) -> None:
    edit(pair, **term("60"))
    look(pair)
    chosen = pair.connector.settings.enrichment.model_copy(update={"apply": "automatic"})
    pair.connector.settings = pair.connector.settings.model_copy(update={"enrichment": chosen})
    assert look(pair).approved == 1
    assert write(pair).applied == 1


def test_a_site_that_hides_its_payment_terms_gets_no_term_written(automatic: Pair) -> None:
    edit(automatic, **term("60"), **vat("DE811"))
    # The OData operator has no right to the table; the business object does not ask for it.
    automatic.sandbox.syspro.ledger.tables.pop("TblApTerms")
    look(automatic)
    write(automatic)
    assert states(automatic) == {
        (SUPPLIER, "payment_terms"): f"review/{TERMS_NOT_READ}",
        (SUPPLIER, "tax_id"): "applied",
    }


def test_a_column_that_syspro_does_not_show_is_never_overwritten(folder: Path) -> None:
    options = SysproOptions(absent_columns=frozenset({"ApSupplier.TaxRegnNum"}))
    with open_pair(folder, syspro_options=options, enrichment={"apply": "automatic"}) as pair:
        publish_suppliers(pair)
        edit(pair, **vat("DE811"))
        look(pair)
        write(pair)
        assert states(pair) == {(SUPPLIER, "tax_id"): f"review/{COLUMN_NOT_SHOWN}"}
        assert pair.sandbox.syspro.requests[UPDATE] == 0


def test_the_dry_run_tells_what_is_known_already_as_it_stands(pair: Pair) -> None:
    edit(pair, **term("60"))
    edit(pair, SECOND, **vat("DE811"))
    look(pair)
    approve(pair.connector, pair.company, [SECOND], actor="ann")
    before = states(pair)
    report = preview(pair.connector, pair.company)
    assert {(one.supplier, one.state, one.decided_by) for one in report.changes} == {
        (SUPPLIER, "proposed", ""),
        (SECOND, "approved", "ann"),
    }
    assert report.problems == ()
    assert states(pair) == before


def test_the_dry_run_of_a_day_reads_the_vendors_sent_since(pair: Pair) -> None:
    edit(pair, **term("60"))
    tomorrow = pair.connector.clock.now().date().replace(year=2999)
    assert preview(pair.connector, pair.company, updated_from=tomorrow).vendors == 0
    assert preview(pair.connector, pair.company, updated_from=TODAY).proposed == 1


def test_a_second_run_at_the_same_time_leaves_the_work_to_the_first(pair: Pair) -> None:
    edit(pair, **term("60"))
    look(pair)
    approve(pair.connector, pair.company, None, actor="ann")
    with pair.connector.leases.hold("enrichment/M1"):
        assert [problem.code for problem in look(pair).problems] == ["LANE_TAKEN"]
        assert [problem.code for problem in write(pair).problems] == ["LANE_TAKEN"]
    assert listed(pair.connector)[0].state == "approved"
