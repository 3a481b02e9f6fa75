"""Faults at SYSPRO's sites: what the caller sees, and whether the call took effect all the same."""

import json

import httpx
import pytest
from lxml import etree

from connector_tests.sandbox.syspro_wire import Wire, ap_document, ap_item, running


def post(wire: Wire, invoice: str = "INV-1") -> httpx.Response:
    return wire.call(
        "Transaction/Post",
        UserId=wire.session,
        BusinessObject="APSTIN",
        XmlParameters="",
        XmlIn=ap_document(ap_item(wire.world, Invoice=invoice)),
    )


def posted(wire: Wire) -> list[str]:
    return [each.entry.invoice for each in wire.sandbox.ledger.invoices]


@pytest.mark.parametrize(("name", "effect"), [("reset_before", []), ("reset_after", ["INV-1"])])
def test_a_reset_cuts_the_connection_before_or_after_the_effect(name: str, effect: list[str]) -> None:
    with running(served=True) as wire:
        wire.faults.arm(name, site="syspro.transaction")
        with pytest.raises(httpx.TransportError):
            post(wire)
        assert posted(wire) == effect


def test_a_late_commit_takes_effect_after_the_caller_gave_up() -> None:
    with running(served=True) as wire:
        wire.faults.arm("late_commit", seconds=0.05)
        with pytest.raises(httpx.TransportError):
            post(wire)
        wire.text("Logoff", UserId=wire.session)
        wire.sandbox.settle()
        assert posted(wire) == ["INV-1"]


@pytest.mark.parametrize(
    ("name", "status", "effect"), [("http_500", 500, []), ("http_502", 502, ["INV-1"]), ("http_503", 503, [])]
)
def test_an_error_status_is_html(name: str, status: int, effect: list[str]) -> None:
    with running() as wire:
        wire.faults.arm(name, site="syspro.transaction")
        response = post(wire)
        assert response.status_code == status
        assert response.headers["content-type"].startswith("text/html")
        assert posted(wire) == effect


def test_an_evicted_session_posts_nothing_and_a_new_logon_mends_it() -> None:
    with running() as wire:
        wire.faults.arm("evict_session", site="syspro.transaction")
        assert post(wire).text.startswith("ERROR: The supplied UserID is invalid")
        assert posted(wire) == []
        wire.logon()
        post(wire)
        assert posted(wire) == ["INV-1"]


def test_a_refused_logon_opens_no_session_and_evicts_none() -> None:
    with running() as wire:
        session = wire.session
        wire.faults.arm("refuse_logon")
        assert "license" in wire.logon()
        assert [each.session_id for each in wire.sandbox.sessions] == [session]


def test_a_system_error_is_text_with_status_200_and_no_effect() -> None:
    with running() as wire:
        wire.faults.arm("system_error", site="syspro.transaction")
        assert post(wire).text == "ERROR: e.net exception raised: 100000"
        assert posted(wire) == []


def test_a_wrong_encoding_hides_an_answer_that_took_effect() -> None:
    with running() as wire:
        wire.faults.arm("wrong_encoding", site="syspro.transaction")
        assert not post(wire).content.startswith(b"<?xml")
        assert posted(wire) == ["INV-1"]


def test_a_body_cut_off_in_the_middle_took_effect() -> None:
    with running() as wire:
        wire.faults.arm("error_body", site="syspro.transaction")
        body = post(wire).content
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(body)
        assert posted(wire) == ["INV-1"]


def test_latency_delays_the_usual_answer() -> None:
    with running() as wire:
        wire.faults.arm("latency", seconds=0.001)
        assert post(wire).status_code == 200
        assert posted(wire) == ["INV-1"]


def test_a_short_page_holds_half_of_what_was_asked() -> None:
    with running() as wire:
        wire.faults.arm("short_page", site="syspro.odata")
        assert len(wire.rows("ApSupplier", top="10")) == 5
        assert len(wire.rows("ApSupplier", top="10")) == 10


def test_a_doubled_row_stands_twice_on_one_page() -> None:
    with running() as wire:
        wire.faults.arm("doubled_row", site="syspro.odata")
        suppliers = [row["Supplier"] for row in wire.rows("ApSupplier", top="3")]
        assert suppliers == [suppliers[0], *(row["Supplier"] for row in wire.rows("ApSupplier", top="3"))]


def test_odata_can_be_rate_limited_reset_or_garbled() -> None:
    with running(served=True) as wire:
        wire.faults.arm("rate_limited", site="syspro.odata", seconds=2)
        response = wire.odata("ApSupplier")
        assert (response.status_code, response.headers["retry-after"]) == (429, "2")
        wire.faults.arm("reset_before", site="syspro.odata")
        with pytest.raises(httpx.TransportError):
            wire.odata("ApSupplier")
        wire.faults.arm("error_body", site="syspro.odata")
        with pytest.raises(json.JSONDecodeError):
            wire.odata("ApSupplier").json()


def test_a_fault_can_be_aimed_at_one_invoice() -> None:
    with running() as wire:
        wire.faults.arm("http_500", match="INV-2")
        assert [post(wire, invoice).status_code for invoice in ("INV-1", "INV-2", "INV-3")] == [200, 500, 200]
        assert posted(wire) == ["INV-1", "INV-3"]
