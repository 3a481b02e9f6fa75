"""Vendors of Basware that are not compared with a supplier, or not all of them: each is named, and stops nobody."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.enrichment import (
    INACTIVE,
    MALFORMED,
    OTHER_SOURCE,
    SEVERAL_VENDORS,
    UNKNOWN_SUPPLIER,
)
from connector_defs.flows.enrichment_reports import EnrichmentReport
from connector_defs.syspro.odata import ODataClient
from connector_tests.flows.enriched import (
    QUOTED,
    SECOND,
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
from connector_tests.flows.pair import HELD_SUPPLIER, SUPPLIER, Pair, open_pair


@pytest.fixture
def automatic(folder: Path) -> Iterator[Pair]:
    """Suppliers published to Basware; the setting approves what it tells of them."""
    with open_pair(folder, enrichment={"apply": "automatic"}) as opened:
        publish_suppliers(opened)
        yield opened


def codes(report: EnrichmentReport) -> set[str]:
    return {note.code for note in report.notes}


def test_a_service_that_compares_without_case_gives_no_other_supplier(
    automatic: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(automatic, QUOTED, **term("60"))
    real = ODataClient.by_keys

    def caseless(client: ODataClient, *arguments: Any, **options: Any) -> list[Any]:
        found = list(real(client, *arguments, **options))
        return [*found, *({**row, "Supplier": str(row["Supplier"]).lower()} for row in found)]

    monkeypatch.setattr(ODataClient, "by_keys", caseless)
    assert [one.supplier for one in look(automatic).changes] == [QUOTED]


def test_a_vendor_that_is_not_ours_or_not_active_is_noted_and_left_alone(automatic: Pair) -> None:
    before = suppliers(automatic)
    edit(automatic, HELD_SUPPLIER, **term("07"))
    edit(automatic, SECOND, **term("60"), sourceSystem="SAP")
    records = automatic.sandbox.basware.entities["vendors"]
    for code, name in (("17", "nobody"), ("1", "almost")):
        records[name] = {
            "externalCode": name,
            "vendorCode": code,
            "name": name,
            "companies": [{"companyCode": "1000"}],
            "lastUpdated": "2026-11-20T08:00:00.000Z",
            **term("60"),
        }
    report = look(automatic)
    write(automatic)
    assert codes(report) == {INACTIVE, OTHER_SOURCE, UNKNOWN_SUPPLIER}
    assert any("'000000000000001'" in note.reason for note in report.notes)
    assert report.problems == ()
    assert suppliers(automatic) == before


def test_a_vendor_that_becomes_inactive_takes_its_change_along(automatic: Pair) -> None:
    edit(automatic, **term("60"))
    look(automatic)
    edit(automatic, processingStatus={"active": False})
    report = look(automatic)
    assert codes(report) == {INACTIVE}
    assert states(automatic) == {(SUPPLIER, "payment_terms"): "superseded"}


def test_a_vendor_of_other_companies_only_is_none_of_ours(
    automatic: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that ignores companyCode may show it."""
    edit(automatic, **term("60"), companies=[{"companyCode": "1000"}, {"companyCode": "2000"}])
    edit(automatic, SECOND, **term("60"), companies=[{"companyCode": "2000"}])
    every = list(automatic.sandbox.basware.entities["vendors"].values())
    monkeypatch.setattr(automatic.connector.basware, "list_entities", lambda *_, **__: iter([every]))
    assert [one.supplier for one in look(automatic).changes] == [SUPPLIER]


def other_vendor(pair: Pair, external_code: str, **fields: Any) -> None:
    """A vendor of the same code that this connector did not make."""
    records = pair.sandbox.basware.entities["vendors"]
    ours = next(each for each in records.values() if each["vendorCode"] == SUPPLIER)
    records[external_code] = {**ours, "externalCode": external_code, **fields}


def test_a_second_vendor_of_the_same_code_is_noted_and_ours_counts(automatic: Pair) -> None:
    other_vendor(automatic, "theirs", **term("60"))
    edit(automatic, **vat("DE811"))
    report = look(automatic)
    assert codes(report) == {SEVERAL_VENDORS}
    write(automatic)
    assert in_syspro(automatic)[1] == "DE811"
    assert in_syspro(automatic)[0] != "60"


def test_a_vendor_that_stands_alone_counts_whoever_made_it(automatic: Pair) -> None:
    records = automatic.sandbox.basware.entities["vendors"]
    other_vendor(automatic, "theirs", **term("60"))
    code = next(code for code, each in records.items() if each["vendorCode"] == SUPPLIER and code != "theirs")
    del records[code]
    look(automatic)
    write(automatic)
    assert in_syspro(automatic)[0] == "60"


def test_of_two_vendors_that_others_made_neither_counts(automatic: Pair) -> None:
    records = automatic.sandbox.basware.entities["vendors"]
    other_vendor(automatic, "one", **term("60"))
    other_vendor(automatic, "two", **term("45"))
    code = next(
        code
        for code, each in records.items()
        if each["vendorCode"] == SUPPLIER and code not in ("one", "two")
    )
    del records[code]
    assert codes(look(automatic)) == {SEVERAL_VENDORS}
    assert states(automatic) == {}


def test_a_vendor_that_cannot_be_read_is_named_and_stops_nobody(automatic: Pair) -> None:
    edit(automatic, SECOND, identifiers=[{"id": 4711, "schemeId": "VAT"}])
    edit(automatic, **term("60"))
    report = look(automatic)
    assert [(problem.key, problem.code) for problem in report.problems] == [(SECOND, MALFORMED)]
    assert write(automatic).applied == 1


def test_a_vendor_that_is_no_sound_json_is_named_and_stops_nobody(
    automatic: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(automatic, **term("60"))
    every = list(automatic.sandbox.basware.entities["vendors"].values())

    def listed(*_: Any, on_flaw: Callable[[str], None], **__: Any) -> Iterator[list[dict[str, Any]]]:
        on_flaw("vendorCode '0000042': NaN is no number")
        yield every

    monkeypatch.setattr(automatic.connector.basware, "list_entities", listed)
    report = look(automatic)
    assert [(problem.key, problem.code) for problem in report.problems] == [
        ("vendorCode '0000042'", MALFORMED)
    ]
    assert report.approved == 1
