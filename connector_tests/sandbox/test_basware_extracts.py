"""Data extracts of the simulated Basware."""

import io
import json
import zipfile
from typing import Any

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
