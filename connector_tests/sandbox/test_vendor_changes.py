"""What people change of vendors in the simulated Basware."""

from typing import Any

import httpx
import pytest

from connector_defs.sandbox.basware.vendor_changes import changes
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions

TERMS = ("30", "60")
TINY = WorldOptions(suppliers=1, accounts=1, cost_centers=1, orders=0, lines=0, invoices=0)


def vendor(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "externalCode": f"e-{number}",
        "vendorCode": f"{number:08d}",
        "paymentTerms": {"paymentTermCode": "30"},
        "identifiers": [{"id": f"US{number}", "schemeId": "VAT"}],
        **fields,
    }


def test_every_kind_is_among_the_changes_and_the_same_seed_gives_the_same() -> None:
    vendors = [vendor(number) for number in range(40)]
    made = changes(vendors, TERMS, 40, seed=7)
    kinds = [change.kind for change in made]
    assert made == changes(vendors, TERMS, 40, seed=7)
    assert set(kinds) == {
        "terms",
        "tax id",
        "both",
        "unknown term",
        "long tax id",
        "two tax ids",
        "bank account",
        "blank",
        "blanks around",
    }
    assert all(bool(change.terms or change.tax_id) == (change.kind in kinds_to_take_over) for change in made)


kinds_to_take_over = ("terms", "tax id", "both")


def test_a_few_changes_are_all_of_the_usual_kinds() -> None:
    made = changes([vendor(number) for number in range(6)], TERMS, 6, seed=7)
    assert [change.kind for change in made] == ["terms", "tax id", "both"] * 2


def test_inactive_vendors_are_not_changed() -> None:
    vendors = [vendor(0, processingStatus={"active": False}), vendor(1)]
    (made,) = changes(vendors, TERMS, 1, seed=7)
    assert made.vendor_code == "00000001"
    with pytest.raises(ValueError, match="1 are active"):
        changes(vendors, TERMS, 2, seed=7)


def test_a_user_edits_a_vendor_over_the_control_routes() -> None:
    with Sandbox(TINY) as sandbox:
        records = sandbox.basware.entities["vendors"]
        records["e-1"] = {
            **vendor(1),
            "companies": [{"companyCode": "1000"}],
            "lastUpdated": "2026-01-01T00:00:00Z",
        }
        sandbox.basware.entities["paymentTerms"].update({code: {"paymentTermCode": code} for code in TERMS})
        base = f"{sandbox.basware_url}/_sandbox/basware/vendors"
        with httpx.Client(trust_env=False) as client:
            body = {"vendorCode": "00000001", "fields": {"paymentTerms": None, "name": "New"}}
            edited = client.post(f"{base}/change", json=body).json()
            assert edited["name"] == "New"
            assert "paymentTerms" not in records["e-1"]
            assert edited["lastUpdated"] > "2026-01-01"
            assert sandbox.basware.in_target["vendors"]["e-1"]["name"] == "New"
            unknown = client.post(f"{base}/change", json={"vendorCode": "nobody", "fields": {}})
            assert unknown.status_code == 404
            (made,) = client.post(f"{base}/enrich", json={"vendors": 1}).json()
            assert (made["vendor_code"], made["kind"]) == ("00000001", "terms")
            assert records["e-1"]["paymentTerms"]["paymentTermCode"] == made["terms"]
            assert client.post(f"{base}/enrich", json={"vendors": 2}).status_code == 409
