"""Basware owns payment terms and tax ids: what it holds of them goes back with every vendor that is sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_defs.flows.ownership import keeping
from connector_defs.sandbox.world import WorldOptions
from connector_tests.flows.enriched import SECOND, edit, term, vat
from connector_tests.flows.pair import SUPPLIER, TODAY, Pair, open_pair

MANY = WorldOptions(suppliers=60, accounts=20, cost_centers=4, orders=8, lines=30, invoices=0, today=TODAY)
LIST, ONE = "GET vendors", "GET vendors/{externalCode}"


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """Suppliers published to Basware."""
    with open_pair(folder) as opened:
        resend(opened)
        yield opened


def resend(pair: Pair) -> int:
    """Stage and publish suppliers; returns how many were sent."""
    pair.stage("payment_terms", "suppliers", "supplier_addresses")
    return pair.publish("paymentTerms", "vendors")["vendors"].sent


def in_basware(pair: Pair, supplier: str = SUPPLIER) -> dict[str, Any]:
    """The vendor as the API layer holds it."""
    records = pair.sandbox.basware.entities["vendors"].values()
    return next(record for record in records if record["vendorCode"] == supplier)


def change_in_syspro(pair: Pair, supplier: str = SUPPLIER, **columns: str) -> None:
    pair.sandbox.syspro.ledger.tables["ApSupplier"].update((supplier,), columns)


def test_a_new_vendor_goes_with_syspros_terms_and_tax_id(pair: Pair) -> None:
    row = pair.sandbox.syspro.ledger.tables["ApSupplier"].get(SUPPLIER)
    assert row is not None
    held = in_basware(pair)
    assert held["paymentTerms"]["paymentTermCode"] == str(row["TermsCode"]).strip()
    assert held["identifiers"] == [{"id": row["TaxRegnNum"], "schemeId": "VAT"}]


def test_a_change_of_terms_or_tax_id_alone_in_syspro_sends_nothing(pair: Pair) -> None:
    change_in_syspro(pair, TermsCode="60", TaxRegnNum="XX1")
    assert resend(pair) == 0


def test_a_change_of_the_name_keeps_what_people_entered_in_basware(pair: Pair) -> None:
    edit(pair, **term("60"), identifiers=[*vat("DE811")["identifiers"], {"id": "0037", "schemeId": "OVT"}])
    change_in_syspro(pair, SupplierName="Another name", TermsCode="07")
    assert resend(pair) == 1
    held = in_basware(pair)
    assert held["name"] == "Another name"
    assert held["paymentTerms"] == {"paymentTermCode": "60"}
    assert [each["id"] for each in held["identifiers"]] == ["DE811", "0037"]


def test_what_people_cleared_in_basware_stays_clear(pair: Pair) -> None:
    edit(pair, paymentTerms=None)
    change_in_syspro(pair, SupplierName="Another name")
    resend(pair)
    assert "paymentTerms" not in in_basware(pair)


def test_a_copy_that_basware_lost_goes_with_syspros_values(pair: Pair) -> None:
    records = pair.sandbox.basware.entities["vendors"]
    code = in_basware(pair)["externalCode"]
    del records[code]
    change_in_syspro(pair, SupplierName="Another name", TermsCode="60")
    resend(pair)
    assert in_basware(pair)["paymentTerms"]["paymentTermCode"] == "60"


def test_a_vendor_that_basware_never_took_is_still_syspros(folder: Path) -> None:
    """Else a term it refused once could never be corrected in SYSPRO."""
    with open_pair(folder) as pair:
        pair.faults.arm("target_error", times=1, site="basware.entities.write", match="vendors")
        resend(pair)
        change_in_syspro(pair, TermsCode="60")
        resend(pair)
        assert in_basware(pair)["paymentTerms"]["paymentTermCode"] == "60"


def test_a_vendor_that_basware_refused_later_keeps_what_people_entered(pair: Pair) -> None:
    edit(pair, **term("60"))
    change_in_syspro(pair, SupplierName="Another name")
    pair.faults.arm("target_error", times=1, site="basware.entities.write")
    assert resend(pair) == 1
    change_in_syspro(pair, TermsCode="07")
    assert resend(pair) == 1
    assert in_basware(pair)["paymentTerms"]["paymentTermCode"] == "60"


def test_a_few_vendors_are_asked_for_one_by_one_and_many_by_a_list(folder: Path) -> None:
    with open_pair(folder, MANY) as pair:
        resend(pair)
        requests = pair.sandbox.basware.requests
        assert (requests[LIST], requests[ONE]) == (1, 0)
        edit(pair, **term("60"))
        for supplier in (SUPPLIER, SECOND):
            change_in_syspro(pair, supplier, SupplierName="Another name")
        resend(pair)
        assert (requests[LIST], requests[ONE]) == (1, 2)
        for row in list(pair.sandbox.syspro.ledger.tables["ApSupplier"])[:40]:
            change_in_syspro(pair, str(row["Supplier"]), Contact="Somebody else")
        resend(pair)
        assert (requests[LIST], requests[ONE]) == (2, 2)
        assert in_basware(pair)["paymentTerms"] == {"paymentTermCode": "60"}


def test_a_vendor_that_the_list_lacks_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_pair(folder, MANY) as pair:
        resend(pair)
        edit(pair, **term("60"))
        for row in list(pair.sandbox.syspro.ledger.tables["ApSupplier"])[:40]:
            change_in_syspro(pair, str(row["Supplier"]), Contact="Somebody else")
        monkeypatch.setattr(pair.connector.basware, "list_entities", lambda *_, **__: iter([]))
        resend(pair)
        assert in_basware(pair)["paymentTerms"] == {"paymentTermCode": "60"}


def test_keeping_is_about_the_owned_fields_alone() -> None:
    record = {"name": "a", "paymentTerms": "ours"}
    assert keeping(record, None, ["paymentTerms"]) == record
    assert keeping(record, {}, ["paymentTerms"]) == {"name": "a"}
    assert keeping(record, {"paymentTerms": "theirs"}, ["paymentTerms"]) == {
        "name": "a",
        "paymentTerms": "theirs",
    }
