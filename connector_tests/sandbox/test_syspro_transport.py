"""The wire of e.net: case-blind paths, 200 for errors, odd types and encodings, limits of http.sys."""

import threading

import pytest

from connector_defs.sandbox.syspro import SysproOptions
from connector_tests.sandbox.syspro_wire import (
    ap_document,
    ap_item,
    ap_parameters,
    element,
    parsed,
    running,
)


@pytest.mark.parametrize("path", ["GetVersion", "getversion", "GETVERSION"])
def test_paths_are_not_case_sensitive(path: str) -> None:
    with running() as wire:
        assert wire.text(path).startswith("8.")
        assert wire.http.get(f"/sysprowcfservice/rest/{path.lower()}").status_code == 200


def test_an_unknown_path_is_an_html_404() -> None:
    with running() as wire:
        response = wire.call("Transaction/Undo")
        assert response.status_code == 404
        assert "<HTML>" in response.text


def test_a_missing_parameter_is_an_html_400_but_an_empty_one_is_not() -> None:
    with running() as wire:
        assert wire.call("Logon", Operator="INTEG").status_code == 400
        assert wire.text("Logoff", UserId="").startswith("ERROR:")


def test_a_get_beyond_16_kb_never_reaches_syspro() -> None:
    with running() as wire:
        response = wire.call("Query/Query", UserId=wire.session, BusinessObject="COMFND", XmlIn="x" * 17_000)
        assert response.status_code == 414
        assert response.headers["content-type"].startswith("text/html")
        assert wire.sandbox.requests["Query/Query COMFND"] == 0


def large_post(session: str, xml_in: str, *, namespace: str = "http://SYSPROWcfService") -> str:
    return (
        f'<TransactionPostLD xmlns="{namespace}"><UserId>{session}</UserId><BusinessObject>APSTIN</BusinessObject>'
        f"<XmlParameters><![CDATA[{ap_parameters()}]]></XmlParameters>"
        f"<XmlIn><![CDATA[{xml_in}]]></XmlIn></TransactionPostLD>"
    )


def test_a_large_document_goes_by_http_post() -> None:
    with running() as wire:
        lines = [
            {"LedgerCode": ap_item(wire.world)["LedgerDistribution"][0]["LedgerCode"], "LedgerValue": "1.00"}
        ] * 400
        xml_in = ap_document(ap_item(wire.world, TransactionValue="400.00", LedgerDistribution=lines))
        assert len(xml_in) > 17_000
        response = wire.http.post(
            "/SYSPROWCFService/Rest/Transaction/PostLD",
            content=large_post(wire.session, xml_in),
            headers={"content-type": "application/xml"},
        )
        assert parsed(response.text).findtext("StatusOfItems/ItemsProcessed") == "00001"
        assert len(wire.sandbox.ledger.invoices[0].entry.distributions) == 400


@pytest.mark.parametrize("body", ["", "<x/>", large_post("s", "<x/>", namespace="http://other")])
def test_a_post_that_is_no_large_document_is_an_html_400(body: str) -> None:
    with running() as wire:
        response = wire.http.post("/SYSPROWCFService/Rest/Transaction/PostLD", content=body)
        assert response.status_code == 400


def test_an_unlicensed_business_object_is_a_text_error() -> None:
    with running() as wire:
        assert wire.post_text("SORTOI", "<SalesOrders/>") == "ERROR: e.net exception raised: 100000"


def test_answers_are_windows_1252_with_a_lower_case_root_and_single_quotes() -> None:
    with running() as wire:
        answer = wire.post_text("APSTIN", ap_document(ap_item(wire.world, Supplier="Müller")))
        lines = answer.split("\n")
        assert lines[0] == '<?xml version="1.0" encoding="Windows-1252"?>'
        assert lines[1].startswith("<postapinvoice Language='05' Language2='EN' CssStyle='' DecFormat='1'")
        assert lines[-1] == " "
        assert "<Value>Müller</Value>" in answer


def test_what_windows_1252_cannot_hold_arrives_as_a_question_mark() -> None:
    with running() as wire:
        wire.post("APSTIN", ap_document(ap_item(wire.world, Notation="Łódź €5 🔧")))
        assert wire.sandbox.ledger.invoices[0].entry.notation == "?ód? €5 ?"


@pytest.mark.parametrize(
    ("wrapper", "start"), [("json", '"<?xml'), ("string", "<string xmlns="), ("none", "<?xml")]
)
def test_a_site_may_wrap_its_answers(wrapper: str, start: str) -> None:
    with running(SysproOptions(reply_wrapper=wrapper)) as wire:  # type: ignore[arg-type]
        wire.session = wire.session.removesuffix("</string>").rpartition(">")[2].strip('"')
        assert wire.text("GetLogonProfile", UserId=wire.session).startswith(start)


def test_malformed_or_foreign_xml_is_a_text_error() -> None:
    with running() as wire:
        assert wire.post_text("APSTIN", "<PostApInvoice>").startswith("ERROR: ")
        assert wire.post_text("APSTIN", "<Posting/>").startswith("ERROR: ")
        assert wire.post_text("APSTIN", "<PostApInvoice/>").startswith("ERROR: ")


def test_unknown_elements_vanish_in_silence_or_are_refused_by_a_strict_site() -> None:
    with running() as wire:
        answer = wire.post("APSTIN", ap_document(ap_item(wire.world, InvoiceAmount="1.00")))
        assert answer.findtext("StatusOfItems/ItemsProcessed") == "00001"
    with running(SysproOptions(strict_schema=True)) as wire:
        answer_text = wire.post_text("APSTIN", ap_document(ap_item(wire.world, InvoiceAmount="1.00")))
        assert "InvoiceAmount" in answer_text
        assert wire.sandbox.ledger.invoices == []


def test_posts_from_several_threads_get_journals_of_their_own() -> None:
    with running() as wire:
        documents = [ap_document(ap_item(wire.world, Invoice=f"T{number}")) for number in range(8)]
        threads = [threading.Thread(target=wire.post, args=("APSTIN", document)) for document in documents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(posted.journal for posted in wire.sandbox.ledger.invoices) == list(range(1, 9))


def test_calls_are_counted_by_operation() -> None:
    with running() as wire:
        wire.post("APSTIN", ap_document(ap_item(wire.world)))
        wire.text("Query/Query", UserId=wire.session, BusinessObject="COMFND", XmlIn=element("Query", {}))
        wire.rows("ApSupplier", top="1")
        counts = wire.sandbox.requests
        assert counts["Logon"] == counts["Transaction/Post APSTIN"] == counts["OData ApSupplier"] == 1
