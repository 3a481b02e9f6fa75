"""Changes of suppliers on their way into SYSPRO: what is lost, refused, interrupted or done by others meanwhile."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from connector_defs import points
from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.flows.enrichment import compare
from connector_defs.flows.enrichment_changes import (
    MOST_ATTEMPTS,
    NOT_CONFIRMED,
    SYSPRO_REFUSED,
    TAKEN_OTHERWISE,
)
from connector_defs.flows.enrichment_decisions import approve
from connector_defs.flows.restoring import hold_all, release
from connector_defs.flows.supplier_updates import update_suppliers
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.store import audit
from connector_defs.syspro.odata import ODataClient
from connector_defs.syspro.session import EnetSession
from connector_tests.flows.enriched import (
    QUOTED,
    SECOND,
    UPDATE,
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
from connector_tests.postgres import Postgres

THIRD = "000000000000003"
FOURTH = "000000000000005"


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """Suppliers published to Basware; the setting approves what Basware tells of them."""
    with open_pair(folder, enrichment={"apply": "automatic"}) as opened:
        publish_suppliers(opened)
        yield opened


@pytest.fixture
def changed(pair: Pair) -> Pair:
    """One supplier has another term and another tax id in Basware."""
    edit(pair, **term("60"), **vat("DE811"))
    look(pair)
    return pair


def change_many(pair: Pair) -> None:
    for supplier in (SUPPLIER, SECOND, THIRD, QUOTED, FOURTH):
        edit(pair, supplier, **term("60"))
    look(pair)


def actions(pair: Pair, field: str = "payment_terms") -> list[str]:
    """What the trail tells of the field of the first supplier."""
    return [event.action for event in audit.show(pair.connector.store, f"enrichment/M1/{SUPPLIER}/{field}")]


def only_state(pair: Pair) -> str:
    """The state that all changes are in, else all of them."""
    return " and ".join(sorted(set(states(pair).values())))


def test_both_fields_of_a_supplier_go_in_one_document_and_the_trail_tells_before_and_after(
    changed: Pair,
) -> None:
    before = in_syspro(changed)
    report = write(changed)
    assert (report.sent, report.applied, report.logons) == (1, 2, 1)
    assert changed.sandbox.syspro.requests[UPDATE] == 1
    assert actions(changed) == ["enrichment approved", "enrichment intended", "enrichment applied"]
    last = audit.show(changed.connector.store, f"enrichment/M1/{SUPPLIER}/tax_id")[-1]
    assert (last.detail["before"], last.detail["after"], last.detail["read_back"]) == (
        before[1],
        "DE811",
        "DE811",
    )
    assert audit.verify(changed.connector.store).ok
    assert changed.sandbox.syspro.sessions == ()


@pytest.mark.parametrize(
    "habits",
    [
        SysproOptions(trimmed_chars=True),
        SysproOptions(compound_filter=False),
        SysproOptions(session_shape="v7", reply_wrapper="string"),
        SysproOptions(html_errors=True, absent_columns=frozenset({"ApSupplier.BankAccount"})),
    ],
    ids=["trimmed", "no or in filters", "v7", "no bank account shown"],
)
def test_the_habits_of_a_site_change_nothing(folder: Path, habits: SysproOptions) -> None:
    with open_pair(folder, syspro_options=habits, enrichment={"apply": "automatic"}) as pair:
        publish_suppliers(pair)
        edit(pair, **term("60"), **vat("DE811"))
        edit(pair, QUOTED, **term("07"))
        look(pair)
        assert write(pair).applied == 3
        assert in_syspro(pair) == ("60", "DE811")
        assert look(pair).changes == ()


@pytest.mark.parametrize("fault", ["reset_after", "http_502", "error_body"])
def test_an_update_whose_answer_is_lost_is_confirmed_by_reading_and_not_sent_again(
    changed: Pair, fault: str
) -> None:
    changed.faults.arm(fault, times=1, site="syspro.setup")
    report = write(changed)
    assert (report.applied, report.sent) == (2, 1)
    assert in_syspro(changed) == ("60", "DE811")


@pytest.mark.parametrize("fault", ["reset_before", "http_500"])
def test_an_update_that_never_arrived_is_sent_again_in_the_same_run(changed: Pair, fault: str) -> None:
    changed.faults.arm(fault, times=1, site="syspro.setup")
    report = write(changed)
    assert (report.applied, report.sent) == (2, 2)
    assert "enrichment put back" in actions(changed)


def test_an_evicted_session_is_logged_on_again(changed: Pair) -> None:
    changed.faults.arm("evict_session", times=1, site="syspro.setup")
    report = write(changed)
    assert (report.applied, report.logons) == (2, 2)


def test_a_session_that_is_lost_twice_puts_the_change_back(changed: Pair) -> None:
    changed.faults.arm("evict_session", times=2, site="syspro.setup")
    report = write(changed)
    assert (report.applied, report.waiting, len(report.outages)) == (0, 2, 1)
    assert only_state(changed) == "approved"
    assert write(changed).applied == 2


def test_a_business_object_that_is_refused_as_a_whole_rests_no_lane_and_counts_no_attempt(
    changed: Pair,
) -> None:
    changed.faults.arm("system_error", times=1, site="syspro.setup")
    report = write(changed)
    assert (report.waiting, len(report.outages)) == (2, 1)
    assert changed.connector.leases.pause_of("operator/INTEG").count == 0
    assert write(changed).applied == 2


def test_a_refused_logon_rests_the_lane_and_touches_no_document(changed: Pair) -> None:
    changed.faults.arm("refuse_logon", times=9, site="syspro.logon")
    report = write(changed)
    assert (report.sent, report.waiting) == (0, 2)
    assert "LANE_BLOCKED" in {problem.code for problem in report.problems}
    assert changed.connector.leases.pause_of("operator/INTEG").count == 1
    assert actions(changed) == ["enrichment approved"]
    changed.faults.disarm()
    changed.next_day()
    assert write(changed).applied == 2
    assert changed.connector.leases.pause_of("operator/INTEG").count == 0


def test_a_refused_password_rests_the_lane_for_whoever_uses_it(changed: Pair) -> None:
    changed.sandbox.syspro.session_book.change_password("INTEG", "changed")
    report = write(changed)
    assert (report.sent, report.waiting) == (0, 2)
    assert [one.code for one in report.outages] == ["LANE_BLOCKED"]
    assert changed.connector.leases.pause_of("operator/INTEG").refused
    changed.sandbox.syspro.session_book.change_password("INTEG", "sandbox-operator")
    changed.next_day()
    assert write(changed).applied == 2


def test_what_syspro_refuses_waits_for_a_person_with_its_text(changed: Pair) -> None:
    # The term was withdrawn in SYSPRO between the comparison and the update.
    changed.sandbox.syspro.ledger.tables["TblApTerms"].delete(("60",))
    before = in_syspro(changed)
    report = write(changed)
    assert (report.refused, report.applied) == (2, 0)
    assert any("Terms code '60' not found" in problem.reason for problem in report.problems)
    assert only_state(changed) == f"review/{SYSPRO_REFUSED}"
    assert in_syspro(changed) == before


def test_a_refused_update_is_sent_again_only_where_a_person_says_so(changed: Pair) -> None:
    terms = changed.sandbox.syspro.ledger.tables["TblApTerms"]
    held = terms.get("60")
    assert held is not None
    terms.delete(("60",))
    write(changed)
    terms.insert(held)
    look(changed)
    assert write(changed).due == 0
    approve(changed.connector, changed.company, [SUPPLIER], actor="ann")
    assert write(changed).applied == 2


def test_a_supplier_whose_code_no_document_can_hold_waits_for_a_person(pair: Pair) -> None:
    rows = pair.sandbox.syspro.ledger.tables["ApSupplier"]
    rows.insert({"Supplier": "ΩMEGA", "SupplierName": "Omega", "TermsCode": "30"})
    pair.sandbox.basware.entities["vendors"]["omega"] = {
        "externalCode": "omega",
        "vendorCode": "ΩMEGA",
        "companies": [{"companyCode": "1000"}],
        **term("60"),
    }
    edit(pair, **term("60"))
    look(pair)
    report = write(pair)
    assert (report.applied, report.refused, report.sent) == (1, 1, 1)
    assert any("Windows-1252" in problem.reason for problem in report.problems)


def test_one_refused_supplier_does_not_stop_the_others(pair: Pair) -> None:
    change_many(pair)
    edit(pair, SECOND, **term("45"))
    look(pair)
    pair.sandbox.syspro.ledger.tables["TblApTerms"].delete(("45",))
    report = write(pair)
    assert (report.applied, report.refused) == (4, 1)


def test_several_lost_answers_in_a_row_end_the_run_and_the_next_one_finds_out(pair: Pair) -> None:
    change_many(pair)
    pair.faults.arm("reset_after", times=3, site="syspro.setup")
    report = write(pair)
    assert pair.sandbox.syspro.requests[UPDATE] == 3
    assert len(report.outages) == 1
    again = write(pair)
    assert pair.sandbox.syspro.requests[UPDATE] == 5
    assert report.applied + again.applied == 5


def test_an_update_that_syspro_never_shows_is_given_up_after_some_attempts(
    changed: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SYSPRO says it saved the supplier, and the table does not change."""
    before = in_syspro(changed)
    real = EnetSession.setup

    def forgetful(session: EnetSession, *arguments: str) -> object:
        answer = real(session, *arguments)  # type: ignore[arg-type]
        row = {"TermsCode": before[0], "TaxRegnNum": before[1]}
        changed.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), row)
        return answer

    monkeypatch.setattr(EnetSession, "setup", forgetful)
    for _ in range(MOST_ATTEMPTS):
        report = write(changed)
    assert only_state(changed) == f"failed/{NOT_CONFIRMED}"
    assert changed.sandbox.syspro.requests[UPDATE] == MOST_ATTEMPTS
    assert report.due == 0
    assert look(changed).failed == 2


def test_a_value_that_syspro_cut_is_not_taken_for_confirmed(
    changed: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = EnetSession.setup

    def cutting(session: EnetSession, *arguments: str) -> object:
        answer = real(session, *arguments)  # type: ignore[arg-type]
        changed.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), {"TaxRegnNum": "DE8"})
        return answer

    monkeypatch.setattr(EnetSession, "setup", cutting)
    report = write(changed)
    assert (report.applied, report.failed) == (1, 1)
    assert states(changed)[SUPPLIER, "tax_id"] == f"failed/{TAKEN_OTHERWISE}"
    look(changed)
    assert write(changed).due == 0


def test_what_somebody_typed_into_syspro_meanwhile_is_confirmed_without_a_call(changed: Pair) -> None:
    row = {"TermsCode": "60", "TaxRegnNum": "DE811"}
    changed.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), row)
    report = write(changed)
    assert (report.applied, report.sent) == (2, 0)


def test_another_value_typed_into_syspro_meanwhile_is_the_new_before(changed: Pair) -> None:
    changed.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), {"TermsCode": "07"})
    assert write(changed).applied == 2
    last = audit.show(changed.connector.store, f"enrichment/M1/{SUPPLIER}/payment_terms")[-1]
    assert last.detail["before"] == "07"


def test_another_value_typed_into_syspro_meanwhile_needs_another_approval(folder: Path) -> None:
    with open_pair(folder) as pair:
        publish_suppliers(pair)
        edit(pair, **term("60"))
        look(pair)
        approve(pair.connector, pair.company, None, actor="ann")
        pair.sandbox.syspro.ledger.tables["ApSupplier"].update((SUPPLIER,), {"TermsCode": "07"})
        report = write(pair)
        assert (report.sent, only_state(pair)) == (0, "proposed")
        assert in_syspro(pair)[0] == "07"


def test_a_supplier_that_is_gone_takes_its_changes_along(changed: Pair) -> None:
    changed.sandbox.syspro.ledger.tables["ApSupplier"].delete((SUPPLIER,))
    assert write(changed).sent == 0
    assert only_state(changed) == "superseded"


def test_a_field_that_is_hidden_before_it_is_written_goes_to_a_person(changed: Pair) -> None:
    options = changed.sandbox.syspro.options
    object.__setattr__(options, "absent_columns", frozenset({"ApSupplier.TermsCode"}))
    write(changed)
    assert states(changed)[SUPPLIER, "payment_terms"] == "review/COLUMN_NOT_SHOWN"


def test_a_read_back_that_fails_leaves_it_to_the_next_run(
    changed: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = ODataClient.by_keys, []

    def failing(client: ODataClient, *arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise RetryLater("OData is away")
        return real(client, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ODataClient, "by_keys", failing)
    report = write(changed)
    assert "OData is away" in report.outages[0].reason


def test_wrong_credentials_for_odata_end_the_run(changed: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = ODataClient.by_keys, []

    def refused(client: ODataClient, *arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise Fatal("401")
        return real(client, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ODataClient, "by_keys", refused)
    with pytest.raises(Fatal):
        write(changed)
    monkeypatch.undo()
    assert write(changed).applied == 2


def test_a_busy_lane_leaves_the_changes_to_the_next_run(folder: Path) -> None:
    with open_pair(folder, enrichment={"apply": "automatic"}, timing={"linger_seconds": 0}) as pair:
        publish_suppliers(pair)
        edit(pair, **term("60"))
        look(pair)
        with pair.connector.leases.hold("operator/INTEG"):
            report = write(pair)
        assert [problem.code for problem in report.problems] == ["LANE_TAKEN"]
        assert (report.sent, report.waiting) == (0, 1)
        assert report.outages == ()


def test_nothing_is_written_while_the_state_is_older_than_the_books(changed: Pair) -> None:
    hold_all(changed.connector, "restored from a backup", actor="ann")
    report = write(changed)
    assert [problem.code for problem in report.problems] == ["STATE_RESTORED"]
    assert report.sent == 0
    release(changed.connector, changed.company, "compared", actor="ann")
    assert write(changed).applied == 2


@pytest.mark.parametrize(
    "point",
    [
        "enrichment.compared",
        "enrichment.intended",
        "enrichment.answered",
        "enrichment.read_back",
        "enrichment.settled",
        "logon.answered",
        "lane.leased",
    ],
)
def test_a_run_that_dies_anywhere_is_finished_by_the_next_one(pair: Pair, point: str) -> None:
    edit(pair, **term("60"), **vat("DE811"))
    edit(pair, QUOTED, **vat("IE123"))

    class Death(BaseException):
        pass

    def die() -> None:
        raise Death

    points.arm(point, 1, die)
    try:
        with suppress(Death):
            compare(pair.connector, pair.company)
            update_suppliers(pair.connector, pair.company)
    finally:
        points.disarm()
    compare(pair.connector, pair.company)
    update_suppliers(pair.connector, pair.company)
    assert in_syspro(pair) == ("60", "DE811")
    assert in_syspro(pair, QUOTED)[1] == "IE123"
    assert only_state(pair) == "applied"
    assert audit.verify(pair.connector.store).ok


def test_the_state_may_be_on_postgresql(folder: Path, postgres: Postgres) -> None:
    state = {"state_url": postgres.empty_database()}
    with open_pair(folder, storage=state) as pair:
        publish_suppliers(pair)
        edit(pair, **term("60"), **vat("DE811"))
        look(pair)
        approve(pair.connector, pair.company, [SUPPLIER], actor="ann")
        assert write(pair).applied == 2
        assert look(pair).changes == ()
        assert audit.verify(pair.connector.store).ok


def test_random_faults_of_both_systems_end_with_every_change_in_syspro(pair: Pair) -> None:
    for supplier in (SUPPLIER, SECOND, THIRD, QUOTED, FOURTH):
        edit(pair, supplier, **term("60"), **vat(f"XX{supplier[-1]}00"))
    look(pair)
    pair.faults.rates.update(
        {"reset_after": 0.1, "reset_before": 0.1, "http_502": 0.1, "system_error": 0.05, "evict_session": 0.1}
    )
    for _ in range(30):
        with suppress(RetryLater):
            write(pair)
        pair.next_day()
        if only_state(pair) == "applied":
            break
    assert only_state(pair) == "applied"
    assert pair.faults.drawn.total() > 3
    assert audit.verify(pair.connector.store).ok
