"""Data extracts of the simulated Basware."""

import gzip
import io
import json
import zipfile
from typing import Any

import pytest

from connector_tests.sandbox.wire import Clock, Wire, invoice, served

EXTRACTS = "/v1/dataExtracts"


def rows(wire: Wire, extract_id: str) -> list[dict[str, Any]]:
    [file] = wire.get(f"{EXTRACTS}/{extract_id}").json()
    packed = wire.page(file["downloadUrl"]).content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        found: list[dict[str, Any]] = json.loads(archive.read("IA_INVOICE.json"))
    return found


def test_an_initial_extract_holds_all_invoices_and_a_delta_what_changed_since() -> None:
    clock = Clock()
    with served(invoice("a"), invoice("b"), clock=clock) as wire:
        [initial] = wire.get(EXTRACTS).json()
        clock.advance(60)
        wire.sandbox.change("b", {"description": "edited"})
        delta = wire.control("extract", {})["id"]

        assert [row["INVOICE_ID"] for row in rows(wire, initial["id"])] == ["a", "b"]
        assert [row["INVOICE_ID"] for row in rows(wire, delta)] == ["b"]
        assert rows(wire, delta)[0]["GROSS_SUM"] == 100.10


def test_an_extract_is_acknowledged_and_then_filtered_out() -> None:
    with served(invoice()) as wire:
        [extract] = wire.get(EXTRACTS).json()
        assert wire.post(f"{EXTRACTS}/{extract['id']}/acknowledge").json()["succeeded"] is True

        assert wire.get(EXTRACTS, processingStatus="WaitingForExport").json() == []
        assert wire.get(f"{EXTRACTS}/unknown").status_code == 404
        assert wire.post(f"{EXTRACTS}/unknown/acknowledge").status_code == 422


def test_the_table_definition_names_the_columns_of_the_files() -> None:
    with served(invoice()) as wire:
        [extract] = wire.get(EXTRACTS).json()
        [table] = wire.get(f"{EXTRACTS}/specification/tableDefinition").json()

        assert [column["Column name"] for column in table["Columns"]] == list(rows(wire, extract["id"])[0])
        assert wire.get(f"{EXTRACTS}/specification/tableDefinition/changeLog").json()[0]["Version"] == "1"


def test_an_extract_comes_in_the_form_that_was_chosen() -> None:
    with served(invoice("a")) as wire:
        wire.get(EXTRACTS)
        for form, opened in (("csv", bytes), ("gz_csv", gzip.decompress), ("json", bytes)):
            wire.control("extract", {"form": form})
            [file] = wire.get(f"{EXTRACTS}/extract-1").json()
            content = opened(wire.page(file["downloadUrl"]).content).decode()
            assert content.startswith("INVOICE_ID," if form.endswith("csv") else "[{")
        with pytest.raises(AssertionError, match="no such form"):
            wire.control("extract", {"form": "xml"})


def test_a_hidden_invoice_is_in_no_list_and_can_be_read_by_itself() -> None:
    with served(invoice("a"), invoice("b")) as wire:
        wire.control("hide", {"invoiceId": "a"})
        listed = wire.page("/v1/accountingDocuments").json()["accountingDocuments"]
        assert [document["invoiceId"] for document in listed] == ["b"]
        assert wire.page("/v1/accountingDocuments/a").status_code == 200
        wire.control("hide", {"invoiceId": "a", "hidden": False})
        assert len(wire.page("/v1/accountingDocuments").json()["accountingDocuments"]) == 2


def test_an_extract_of_given_files_sends_their_bytes() -> None:
    with served(invoice("a")) as wire:
        extract = wire.sandbox.extracts.put(b"\xff", b"two")
        files = wire.get(f"{EXTRACTS}/{extract.id}").json()
        assert [wire.page(file["downloadUrl"]).content for file in files] == [b"\xff", b"two"]
