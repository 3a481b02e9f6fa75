"""A preview tells what SYSPRO would say, and neither posts nor moves anything."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import Fatal, RecordRefused
from connector_defs.domain.keys import posting_reference
from connector_defs.domain.states import State
from connector_defs.flows import preview
from connector_defs.flows.documents import SysproDocument
from connector_defs.flows.intake import arrival
from connector_defs.flows.lanes import lane_name
from connector_defs.flows.reports import Foreseen, Preview, Verdict
from connector_defs.sandbox.syspro import apstin as sandbox_apstin
from connector_defs.settings import Settings
from connector_defs.store import audit, invoices
from connector_tests.flows.by_hand import key_in, put
from connector_tests.flows.pair import HELD_SUPPLIER, Pair, assert_books_agree, invoice, open_pair, row

UNBALANCED = {"grossSum": Decimal("109.25")}
UNMAPPED = {"codingRows": [row(accountCode="NEW")]}
POSTS = "Transaction/Post APSTIN"


def by_number(told: Preview) -> dict[str, Foreseen]:
    return {one.invoice_number: one for one in told.invoices}


def verdicts(told: Preview) -> dict[str, str]:
    return {one.invoice_number: one.verdict.value for one in told.invoices}


@pytest.fixture
def nothing_changes(pair: Pair) -> Iterator[None]:
    """The ledger, every row, the audit and the sessions are as they were before the test's preview."""
    yield
    assert pair.sandbox.syspro.ledger.invoices == []
    assert pair.sandbox.syspro.ledger.journals == []
    assert pair.sandbox.syspro.sessions == ()
    assert audit.verify(pair.connector.store).ok
    with pair.connector.leases.hold(lane_name(pair.company.operator)):
        pass


def put_all(pair: Pair, *bills: dict[str, Any], state: State = State.RECEIVED) -> list[str]:
    ids = pair.approve(*bills)
    for bill_id in ids:
        put(pair, bill_id, state)
    return ids


@pytest.mark.usefixtures("nothing_changes")
class TestWhatItTells:
    """Every verdict, from books and SYSPRO as they are."""

    def test_what_is_right_would_post(self, pair: Pair) -> None:
        ids = put_all(pair, invoice("INV-1"), invoice("INV-2"))
        before = [pair.stored(one) for one in ids]
        events = len(audit.show(pair.connector.store, ids[0]))
        told = preview.preview_waiting(pair.connector)
        assert verdicts(told) == {"INV-1": "would_post", "INV-2": "would_post"}
        assert (told.clean, told.refused) == (True, ())
        assert [pair.stored(one) for one in ids] == before
        assert len(audit.show(pair.connector.store, ids[0])) == events
        assert pair.sandbox.syspro.requests[POSTS] == 2
        assert pair.sandbox.syspro.logons == 1

    def test_what_we_refuse_is_not_put_to_syspro(self, pair: Pair) -> None:
        put_all(
            pair,
            invoice("OFF", **UNBALANCED),
            invoice("HELD", supplierCode=HELD_SUPPLIER),
            invoice("NEW", **UNMAPPED),
            invoice("STRAY", companyCode="1000"),
        )
        put(pair, *pair.approve(invoice("BAD")), State.RECEIVED, payload="{}")
        pair.connector.settings.posting.__dict__["rounding_account"] = None
        told = by_number(preview.preview_waiting(pair.connector))
        codes = {number: one.code for number, one in told.items() if one.verdict is Verdict.REFUSED_HERE}
        assert codes == {
            "OFF": "UNBALANCED",
            "HELD": "SUPPLIER_ON_HOLD",
            "NEW": "UNMAPPED_ACCOUNT",
            "BAD": "MALFORMED",
        }
        assert told["STRAY"].verdict is Verdict.WOULD_POST
        assert told["NEW"].texts == ("no GL mapping for account 'NEW'",)
        assert all(one.remedy for one in told.values() if one.code)

    def test_nothing_to_ask_takes_no_licence_seat(self, pair: Pair) -> None:
        put_all(pair, invoice("OFF", **UNBALANCED))
        preview.preview_waiting(pair.connector)
        assert pair.sandbox.syspro.logons == 0

    def test_a_refusal_of_syspro_is_told_in_its_own_words(self, pair: Pair) -> None:
        periods = pair.sandbox.syspro.periods
        periods.set_open(periods.current(), is_open=False)
        (bill_id,) = put_all(pair, invoice("INV-1"))
        told = preview.preview_one(pair.connector, bill_id)
        (one,) = told.refused
        assert (one.verdict, one.code) == (Verdict.REFUSED_BY_SYSPRO, "SYSPRO_REFUSED")
        assert "AP posting period closed" in one.texts[0]
        assert pair.stored(bill_id).state == "received"

    def test_a_number_another_invoice_has_is_refused(self, pair: Pair) -> None:
        put(pair, *pair.approve(invoice("SAME")), State.READY, number_key="same")
        (double,) = put_all(pair, invoice("same", "50.00"))
        (one,) = preview.preview_one(pair.connector, double).refused
        assert one.code == "DUPLICATE"

    def test_a_lost_answer_is_told_as_none(self, pair: Pair) -> None:
        put_all(pair, invoice("INV-1"), invoice("INV-2"))
        pair.faults.arm("reset_after", site="syspro.transaction")
        told = preview.preview_waiting(pair.connector)
        assert sorted(verdicts(told).values()) == ["not_answered", "would_post"]
        assert not told.clean

    @pytest.mark.parametrize("fault", ["system_error", "error_body", "evict_session"])
    def test_one_bad_answer_does_not_keep_the_others_from_being_asked(self, pair: Pair, fault: str) -> None:
        put_all(pair, invoice("INV-1"), invoice("INV-2"))
        pair.faults.arm(fault, site="syspro.transaction")
        told = preview.preview_waiting(pair.connector)
        assert "would_post" in verdicts(told).values()
        assert len(told.invoices) == 2

    def test_a_document_syspro_cannot_take_at_all_is_told(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_all(pair, invoice("INV-1"))
        monkeypatch.setattr(preview, "document_of", _unmakeable)
        (one,) = preview.preview_waiting(pair.connector).refused
        assert (one.code, one.texts) == ("DOCUMENT_INVALID", ("Notation holds what cannot be carried",))

    def test_a_document_that_cannot_be_sent_does_not_stop_the_others(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_all(pair, invoice("LONG"), invoice("INV-2"))
        post = pair.connector.enet.post

        def not_the_long_one(session: str, business_object: str, parameters: str, xml_in: str) -> Any:
            if "LONG" in xml_in:
                raise RecordRefused("the document is too large", code="document_too_large")
            return post(session, business_object, parameters, xml_in)

        monkeypatch.setattr(pair.connector, "new_enet", lambda: pair.connector.enet)
        monkeypatch.setattr(pair.connector.enet, "post", not_the_long_one)
        told = by_number(preview.preview_waiting(pair.connector))
        assert (told["LONG"].verdict, told["LONG"].code) == (Verdict.REFUSED_HERE, "DOCUMENT_TOO_LARGE")
        assert told["INV-2"].verdict is Verdict.WOULD_POST

    def test_no_more_are_asked_than_wanted_the_oldest_first(self, pair: Pair) -> None:
        put_all(pair, *(invoice(f"INV-{number}") for number in range(5)))
        assert len(preview.preview_waiting(pair.connector, "M1", at_most=2).invoices) == 2

    def test_one_invoice_without_a_mapping_can_be_asked_about(self, pair: Pair) -> None:
        (bill_id,) = put_all(pair, invoice("NEW", **UNMAPPED), state=State.NEEDS_MAPPING)
        (one,) = preview.preview_one(pair.connector, "NEW").refused
        assert one.code == "UNMAPPED_ACCOUNT"
        assert preview.preview_waiting(pair.connector).invoices == ()
        pair.map("NEW", "00-6010")
        assert preview.preview_one(pair.connector, bill_id).clean

    def test_a_busy_operator_is_not_disturbed(self, pair: Pair) -> None:
        put_all(pair, invoice("INV-1"))
        with pair.connector.leases.hold(lane_name(pair.company.operator)):
            told = preview.preview_waiting(pair.connector)
        assert told.invoices == ()
        (outage,) = told.outages
        assert (outage.code, told.clean) == ("NOT_ASKED", False)
        assert "worked on by another process" in outage.reason
        assert pair.sandbox.syspro.logons == 0

    def test_a_refused_logon_is_an_outage_and_says_nothing_of_the_invoices(self, pair: Pair) -> None:
        put_all(pair, invoice("INV-1"))
        pair.faults.arm("refuse_logon", times=10, site="syspro.logon")
        told = preview.preview_waiting(pair.connector)
        assert told.invoices == ()
        assert [outage.code for outage in told.outages] == ["NOT_ASKED"]


def _unmakeable(*_: object, **__: object) -> SysproDocument:
    raise ValueError("Notation holds what cannot be carried")


def test_what_stands_in_syspro_is_not_put_to_it_again(pair: Pair) -> None:
    ours, keyed = invoice("OURS"), invoice("KEYED")
    our_id, _ = put_all(pair, ours, keyed)
    key_in(pair, ours, reference=posting_reference("M1", our_id))
    key_in(pair, keyed)
    asked = pair.sandbox.syspro.requests[POSTS]
    told = by_number(preview.preview_waiting(pair.connector))
    assert told["OURS"].verdict is Verdict.STANDS_THERE
    assert "not posted again" in told["OURS"].texts[0]
    assert (told["KEYED"].verdict, told["KEYED"].code) == (Verdict.REFUSED_HERE, "DUPLICATE_IN_SYSPRO")
    assert pair.sandbox.syspro.requests[POSTS] == asked


@pytest.mark.parametrize("state", [State.POSTED, State.RESPONDED, State.UNCERTAIN, State.REJECTED])
def test_what_is_past_posting_has_no_preview(pair: Pair, state: State) -> None:
    (bill_id,) = put_all(pair, invoice("INV-1"), state=state)
    with pytest.raises(Fatal, match=f"is {state}: there is nothing left to preview"):
        preview.preview_one(pair.connector, bill_id)


def test_what_stands_in_syspro_with_a_voucher_has_no_preview(pair: Pair) -> None:
    (bill_id,) = pair.approve(invoice("INV-1"))
    put(pair, bill_id, State.NEEDS_REVIEW, voucher="202611-00017-0001")
    with pytest.raises(Fatal, match="202611-00017-0001"):
        preview.preview_one(pair.connector, bill_id)
    assert preview.preview_waiting(pair.connector).invoices == ()


def test_what_a_preview_says_is_what_a_run_then_does(pair: Pair) -> None:
    bills = [invoice("GOOD"), invoice("OFF", **UNBALANCED), invoice("HELD", supplierCode=HELD_SUPPLIER)]
    put_all(pair, *bills)
    told = by_number(preview.preview_waiting(pair.connector))
    pair.run()
    assert told["GOOD"].verdict is Verdict.WOULD_POST
    assert len(pair.postings(bills[0])) == 1
    for number in ("OFF", "HELD"):
        (item,) = [one for one in told.values() if one.invoice_number == number]
        assert pair.state(item.invoice_id) == f"needs_review/{item.code}"
    assert_books_agree(pair)


@pytest.mark.parametrize(
    "parameters",
    ["N", "y", "", None],
)
def test_a_document_that_would_post_is_not_sent(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, parameters: str | None
) -> None:
    """Whatever made the document wrong: the last look before the call stops it."""
    put_all(pair, invoice("INV-1"))
    make = preview.document_of

    def posting_after_all(posting: Any, *, validate_only: bool) -> SysproDocument:
        right = make(posting, validate_only=validate_only)
        wrong = "" if parameters is None else f"<ValidateOnly>{parameters}</ValidateOnly>"
        return SysproDocument(
            right.business_object,
            right.parameters.replace("<ValidateOnly>Y</ValidateOnly>", wrong),
            right.xml_in,
        )

    monkeypatch.setattr(preview, "document_of", posting_after_all)
    with pytest.raises(Fatal, match="without ValidateOnly=Y: it was not sent"):
        preview.preview_waiting(pair.connector)
    assert pair.sandbox.syspro.requests[POSTS] == 0
    assert pair.sandbox.syspro.sessions == ()


def test_a_syspro_that_posts_although_only_asked_is_found_out_and_the_posting_kept(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No site is known to; if one does, the preview stops there, and the next run takes the posting for ours."""
    bill, other = invoice("INV-1"), invoice("INV-2")
    put_all(pair, bill, other)
    monkeypatch.setattr(sandbox_apstin, "Parameters", _DeafParameters)
    with pytest.raises(Fatal, match=r"SYSPRO now holds invoice INV-\d .* do not use previews at this site"):
        preview.preview_waiting(pair.connector)
    assert len(pair.sandbox.syspro.ledger.invoices) == 1
    monkeypatch.undo()
    pair.run()
    assert pair.states() == {"responded": 2}
    assert len(pair.postings(bill)) == 1
    assert_books_agree(pair)


class _DeafParameters(sandbox_apstin.Parameters):
    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__({**texts, "ValidateOnly": "N"})


def test_a_journal_number_in_the_reply_alone_is_no_posting(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service may show the number it would give: SYSPRO's books tell whether it gave it."""
    put_all(pair, invoice("INV-1"))
    key = "<Key><TrnYear>2026</TrnYear><TrnMonth>11</TrnMonth><Journal>7</Journal><EntryNumber>1</EntryNumber></Key>"
    post = pair.connector.enet.post

    def with_a_key(*arguments: str) -> Any:
        reply = post(*arguments)
        return type(reply)(reply.business_object, reply.text.replace("<ItemNumber>", f"{key}<ItemNumber>", 1))

    monkeypatch.setattr(pair.connector, "new_enet", lambda: pair.connector.enet)
    monkeypatch.setattr(pair.connector.enet, "post", with_a_key)
    assert preview.preview_waiting(pair.connector).clean


def test_warnings_that_stop_nothing_are_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pair(folder) as pair:
        pair.map()
        put_all(pair, invoice("INV-1"))
        post = pair.connector.enet.post
        warning = "<WarningMessages>due date is a Sunday</WarningMessages>"

        def with_a_warning(*arguments: str) -> Any:
            reply = post(*arguments)
            return type(reply)(
                reply.business_object, reply.text.replace("<ItemNumber>", f"{warning}<ItemNumber>", 1)
            )

        monkeypatch.setattr(pair.connector, "new_enet", lambda: pair.connector.enet)
        monkeypatch.setattr(pair.connector.enet, "post", with_a_warning)
        (one,) = preview.preview_waiting(pair.connector).invoices
        assert (one.verdict, one.texts) == (Verdict.WOULD_POST, ("due date is a Sunday",))


def test_a_company_that_cannot_be_asked_does_not_keep_the_other_from_it(pair: Pair) -> None:
    put_all(pair, invoice("INV-1"))
    tree = pair.connector.settings.model_dump()
    # The sandbox holds no company M2.
    away = {**tree["companies"][0], "syspro_company": "M2", "basware_company": "2000"}
    tree["companies"] = [away, *tree["companies"]]
    pair.connector.settings = Settings.model_validate(tree)
    (stray_id,) = pair.approve(invoice("INV-2", companyCode="2000"))
    document = pair.connector.basware.document(stray_id)
    assert document is not None
    with pair.connector.store.write() as connection:
        invoices.insert(connection, "M2", arrival(document), pair.connector.clock.now())
    told = preview.preview_waiting(pair.connector)
    assert [(one.company, one.verdict) for one in told.invoices] == [("M1", Verdict.WOULD_POST)]
    assert [outage.company for outage in told.outages] == ["M2"]
    assert not told.clean
