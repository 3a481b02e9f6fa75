"""GENTJL, APSSSP and COMFND: journals, supplier maintenance and the generic find."""

from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from connector_tests.sandbox.syspro_wire import (
    Wire,
    a_supplier,
    an_account,
    ap_document,
    ap_item,
    element,
    errors_of,
    parsed,
    running,
)


def journal(world_code: str, amounts: tuple[str, ...] = ("100.00", "-100.00"), **header: str) -> str:
    details = [{"LedgerCode": world_code, "EntryAmount": amount, "Comment": "x"} for amount in amounts]
    return element(
        "PostGlJournal", {"Item": {"JournalReference": "bw-77", **header, "JournalDetails": details}}
    )


def post_journal(wire: Wire, document: str, **parameters: str) -> etree._Element:
    return wire.post("GENTJL", document, element("PostGlJournal", {"Parameters": parameters}))


def test_a_balanced_journal_is_posted_and_found_by_its_reference() -> None:
    with running() as wire:
        answer = post_journal(wire, journal(an_account(wire.world)))
        assert answer.tag == "postgljournal"
        assert answer.findtext("Item/Transaction/Jnlstatus") == "P"
        assert answer.findtext("Item/Transaction/JournalDate") == "20260317"
        assert answer.findtext("StatusOfItems/JournalsProcessed") == "00001"
        assert len(wire.rows("GenJournalDetail", filter="Reference eq 'bw-77'")) == 2


def test_an_unposted_journal_holds_a_number_but_no_entries() -> None:
    with running() as wire:
        code = an_account(wire.world)
        answer = post_journal(wire, journal(code, PostJournal="N"))
        assert answer.findtext("Item/Transaction/Jnlstatus") == "N"
        assert wire.rows("GenJournalDetail", filter="Reference eq 'bw-77'") == []
        assert post_journal(wire, journal(code)).findtext("Item/Transaction/Key/GlJournal") == "00002"


@pytest.mark.parametrize(
    ("changed", "field", "text"),
    [
        ({"amounts": ("100.00", "-99.99")}, "EntryAmount", "balance"),
        ({"amounts": ()}, "EntryAmount", "balance"),
        ({"amounts": ("1.005", "-1.005")}, "EntryAmount", "not numeric"),
        ({"PostingPeriod": "4"}, "PostingPeriod", "future"),
        ({"PostingPeriod": "1"}, "PostingPeriod", "posting period closed"),
        ({"PostingPeriod": "2026", "PostingYear": "3"}, "PostingPeriod", "closed"),
        ({"PostingPeriod": "C"}, "PostingPeriod", "not numeric"),
        ({"JournalType": "Z"}, "JournalType", "invalid"),
    ],
)
def test_a_wrong_journal_is_refused(changed: dict[str, Any], field: str, text: str) -> None:
    with running() as wire:
        answer = post_journal(wire, journal(an_account(wire.world), **changed))
        assert text in errors_of(answer)[field]
        assert answer.findtext("StatusOfItems/JournalsInvalid") == "00001"
        assert wire.sandbox.ledger.journals == []


def test_a_journal_to_an_account_on_hold_obeys_ignore_warnings() -> None:
    with running() as wire:
        document = journal(an_account(wire.world, AccOnHldFlag="Y"))
        assert "on hold" in errors_of(post_journal(wire, document))["LedgerCode"]
        assert post_journal(wire, document, IgnoreWarnings="Y").findtext("Item/Transaction/Jnlstatus") == "P"


def test_validating_a_journal_posts_nothing() -> None:
    with running() as wire:
        answer = post_journal(wire, journal(an_account(wire.world)), ValidateOnly="Y")
        assert answer.findtext("StatusOfItems/JournalsInvalid") == "00000"
        assert wire.sandbox.ledger.journals == []


def setup(wire: Wire, action: str, supplier: str, **fields: str) -> etree._Element:
    item = {"Key": {"Supplier": supplier}, **fields}
    answer = wire.text(
        f"Setup/{action}",
        UserId=wire.session,
        BusinessObject="APSSSP",
        XmlParameters=element("SetupApSupplier", {"Parameters": {"IgnoreWarnings": "N"}}),
        XmlIn=element("SetupApSupplier", {"Item": item}),
    )
    return parsed(answer)


def test_an_update_changes_what_is_sent_blanks_what_is_empty_and_keeps_the_rest() -> None:
    with running() as wire:
        supplier = a_supplier(wire.world)
        before = wire.world.tables["ApSupplier"].get(supplier)
        answer = setup(
            wire, "Update", supplier, TermsCode="60", TaxRegnNum="DE 123", Contact="", SupAddr1="New Road"
        )
        assert answer.tag == "setupapsupplier"
        assert answer.findtext("item/key/supplier") == supplier
        assert answer.findtext("StatusOfItems/RecordsInvalid") == "000000"
        after = wire.world.tables["ApSupplier"].get(supplier)
        assert before
        assert after == before | {"TermsCode": "60", "TaxRegnNum": "DE 123", "Contact": ""}
        address = wire.world.tables["ApSupplierAddr"].get(supplier)
        assert address
        assert address["SupAddr1"] == "New Road"


@pytest.mark.parametrize(
    ("action", "supplier", "fields", "field", "text"),
    [
        ("Update", "NOBODY", {}, "supplier", "not found"),
        ("Update", "", {}, "supplier", "cannot be spaces"),
        ("Delete", "NOBODY", {}, "supplier", "not found"),
        ("Update", None, {"TermsCode": "99"}, "termscode", "Terms code '99' not found"),
        ("Update", None, {"OnHold": "X"}, "onhold", "invalid"),
        ("Update", None, {"SupplierName": "x" * 51}, "suppliername", "longer"),
        ("Add", None, {}, "supplier", "Duplicate key"),
    ],
)
def test_wrong_maintenance_is_told_in_lower_case(
    action: str, supplier: str | None, fields: dict[str, str], field: str, text: str
) -> None:
    with running() as wire:
        key = a_supplier(wire.world) if supplier is None else supplier
        answer = setup(wire, action, key, **fields)
        assert text in errors_of(answer)[field]
        assert answer.findtext("StatusOfItems/RecordsInvalid") == "000001"


def test_a_supplier_can_be_added_and_deleted() -> None:
    with running() as wire:
        setup(wire, "Add", "NEW-1", SupplierName="New & Co", Currency="$", SupAddr1="1 Road")
        assert wire.rows("ApSupplier", filter="Supplier eq 'NEW-1'")[0]["SupplierName"] == "New & Co"
        setup(wire, "Delete", "NEW-1")
        assert wire.rows("ApSupplier", filter="Supplier eq 'NEW-1'") == []


def find(wire: Wire, **query: Any) -> str:
    return wire.text(
        "Query/Query", UserId=wire.session, BusinessObject="COMFND", XmlIn=element("Query", query)
    )


def expression(column: str, value: str, **more: str) -> dict[str, str]:
    return {"Column": column, "Condition": "EQ", "Value": value, **more}


def test_a_posted_invoice_is_found_by_supplier_and_number() -> None:
    with running() as wire:
        wire.post("APSTIN", ap_document(ap_item(wire.world)))
        supplier = wire.sandbox.ledger.invoices[0].entry.supplier
        where = {
            "Expression": [expression("Supplier", supplier), expression("Invoice", "INV-1", AndOr="And")]
        }
        columns = {"Column": ["OrigInvValue", "Journal", "JournalDate", "DiscountDate"]}
        text = find(wire, TableName="ApInvoice", ReturnRows="5", Columns=columns, Where=where)
        assert "<RowsReturned>       1</RowsReturned>" in text
        (row,) = parsed(text).findall("Row")
        assert [child.text for child in row] == ["          120.00", "         1", "2026-03-17", None]


def test_brackets_and_or_group_conditions() -> None:
    with running() as wire:
        where = {
            "Expression": [
                expression("CurTaxRate", "0"),
                expression("TaxCode", "Z", AndOr="And", OpenBracket="("),
                expression("TaxCode", "A", AndOr="Or", CloseBracket=")"),
            ]
        }
        answer = parsed(
            find(wire, TableName="AdmTax", ReturnRows="9", Where=where, Columns={"Column": ["TaxCode"]})
        )
        assert [row.findtext("TaxCode") for row in answer.findall("Row")] == ["Z"]


def test_nothing_found_is_a_normal_answer() -> None:
    with running() as wire:
        text = find(wire, TableName="ApInvoice", Where={"Expression": expression("Invoice", "NONE")})
        assert "<RowsReturned>       0</RowsReturned>" in text


def test_the_rows_asked_for_are_the_most_returned() -> None:
    with running() as wire:
        answer = parsed(find(wire, TableName="ApSupplier", ReturnRows="3", AllColumns="Y"))
        rows = answer.findall("Row")
        assert len(rows) == 3
        assert Decimal(str(rows[0].findtext("CurrentBalance"))) == 0


@pytest.mark.parametrize(
    "query",
    [
        {"TableName": "Colours"},
        {"TableName": "AdmTax", "Columns": {"Column": ["Colour"]}},
        {
            "TableName": "AdmTax",
            "Where": {"Expression": {"Column": "TaxCode", "Condition": "LIKE", "Value": "A"}},
        },
        {"TableName": "AdmTax", "Where": {"Expression": expression("CurTaxRate", "abc")}},
        {"TableName": "AdmTax", "Where": {"Expression": expression("TaxCode", "A", OpenBracket="(")}},
    ],
)
def test_a_wrong_find_is_a_text_error(query: dict[str, Any]) -> None:
    with running() as wire:
        assert find(wire, **query).startswith("ERROR: ")
