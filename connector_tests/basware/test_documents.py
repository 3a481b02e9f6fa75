"""Invoices from the wire: lenient about what is open, strict about money and dates, isolated when bad."""

import json
import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_defs.basware.document_reader import read_document, read_page
from connector_defs.basware.documents import VOLATILE, AccountingDocument, MalformedDocument
from connector_defs.basware.wire import BadJson
from connector_tests.basware.builders import invoice, raw_page


def read(**fields: object) -> AccountingDocument:
    return read_document(json.dumps(invoice(**fields)))


def refused(**fields: object) -> MalformedDocument:
    with pytest.raises(MalformedDocument) as error:
        read(**fields)
    return error.value


def row(**fields: object) -> dict[str, object]:
    return {"externalCode": "row-1", **fields}


def test_an_invoice_with_the_required_fields_only_is_read() -> None:
    document = read()
    assert (document.invoice_id, document.company_code, document.supplier_code) == ("inv-1", "1000", "000123")
    assert document.gross_sum is None
    assert document.coding_rows == ()
    assert document.notes == ()


def test_absent_null_and_empty_read_the_same() -> None:
    document = read(invoiceNumber="", netSum=None, codingRows=None, orderNumbers=[], transferResponses=None)
    assert document.invoice_number is None
    assert document.net_sum is None
    assert document.raw.keys() > {"invoiceNumber", "netSum"}
    assert document.digest == read().digest


@pytest.mark.covers("H7")
def test_unknown_fields_and_new_statuses_are_kept() -> None:
    document = read(processingStatus="WaitingForGodot", brandNew={"deep": [1]})
    assert document.processing_status == "WaitingForGodot"
    assert document.raw["brandNew"] == {"deep": [1]}


def test_missing_optional_required_fields_of_the_schema_read_as_nothing() -> None:
    document = read_document('{"invoiceId": "i", "companyCode": "c", "currencyCode": "EUR"}')
    assert (document.supplier_code, document.processing_status, document.payment_block) == ("", "", False)


def test_amounts_are_read_to_the_digit() -> None:
    (document,) = read_page(
        raw_page(
            '{"invoiceId": "i", "companyCode": "c", "currencyCode": "EUR", "grossSum": 1250.100001, "netSum": -0.00, '
            '"taxSum1": 3, "exchangeRateCompany": 1E-3}'
        )
    ).documents
    assert str(document.gross_sum) == "1250.100001"
    assert str(document.net_sum) == "0.00"
    assert document.tax_sum1 == Decimal(3)
    assert document.exchange_rate_company == Decimal("0.001")


@pytest.mark.covers("H7", "H8")
@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        ("1250.000000", "EUR", "1250.00"),
        ("179.1", "EUR", "179.10"),
        ("12", "EUR", "12.00"),
        ("500.0", "JPY", "500"),
        ("1.0015", "EUR", "1.0015"),
        ("-0.0", "EUR", "0.00"),
    ],
)
def test_people_read_sums_in_the_decimals_of_their_currency(amount: str, currency: str, told: str) -> None:
    wire = json.dumps(invoice(currencyCode=currency, grossSum=0, codingRows=[row(netTotal=0)]))
    document = read_document(wire.replace('": 0', f'": {amount}'))
    assert str(document.gross_sum) == told
    assert str(document.coding_rows[0].net_total) == told


@pytest.mark.parametrize("amount", ["1.234,56", "1,234.56", "100.00", True, [], {}])
def test_an_amount_that_is_not_a_number_makes_the_invoice_malformed(amount: object) -> None:
    error = refused(grossSum=amount)
    assert error.reason == "grossSum is not a number"
    assert (error.invoice_id, error.code) == ("inv-1", "malformed_document")
    assert json.loads(error.text)["grossSum"] == amount


@pytest.mark.covers("H14")
@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T00:00:00",
        "2026-01-31T23:59:59Z",
        "2026-01-31T00:00:00.0000000",
        "2026-01-31T00:00:00+14:00",
        "2026-01-31T23:30:00-1200",
        "2026-01-31T00:00",
        "2026-01-31 00:00:00",
        " 2026-01-31 ",
    ],
)
def test_a_business_date_never_moves_by_time_or_zone(text: str) -> None:
    assert read(dueDate=text).due_date == date(2026, 1, 31)


@pytest.mark.covers("H14")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0001-01-01T00:00:00", "has the year 1"),
        ("9999-12-31", "has the year 9999"),
        ("1899-12-31", "has the year 1899"),
        ("2201-01-01", "has the year 2201"),
        ("2026-02-29", "is not a date"),
        ("31.01.2026", "is not a date"),
        ("2026-13-01", "is not a date"),
        ("2026-01-31T", "is not a date"),
        (20260131, "is not a text"),
    ],
)
def test_an_implausible_date_makes_the_invoice_malformed(text: object, reason: str) -> None:
    assert refused(invoiceDate=text).reason == f"invoiceDate {reason}"


@pytest.mark.covers("H14")
@pytest.mark.parametrize(
    ("text", "day"), [("1900-01-01", date(1900, 1, 1)), ("2028-02-29T00:00:00Z", date(2028, 2, 29))]
)
def test_the_first_year_and_leap_days_are_dates(text: str, day: date) -> None:
    assert read(invoiceDate=text).invoice_date == day


@pytest.mark.parametrize("name", ["invoiceId", "companyCode", "currencyCode"])
@pytest.mark.parametrize("value", [None, "", 7])
def test_an_invoice_without_what_identifies_it_is_malformed(name: str, value: object) -> None:
    error = refused(**{name: value})
    assert name in error.reason
    assert error.invoice_id == (None if name == "invoiceId" else "inv-1")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"paymentBlock": "yes"}, "paymentBlock is neither true nor false"),
        ({"codingRows": {}}, "codingRows is not a list"),
        ({"codingRows": [3]}, "codingRows[0] is not an object"),
        ({"codingRows": [{}]}, "codingRows[0].externalCode is missing"),
        ({"codingRows": [row(), row(netTotal="1,5")]}, "codingRows[1].netTotal is not a number"),
        ({"codingRows": [row(matchingType=1.5)]}, "codingRows[0].matchingType is not a whole number"),
        ({"orderNumbers": [1]}, "orderNumbers[0] is not a text"),
    ],
)
def test_a_malformed_field_is_named_with_its_place(fields: dict[str, Any], reason: str) -> None:
    assert refused(**fields).reason == reason


def test_a_coding_row_is_read_with_matching_and_dimensions() -> None:
    (coding,) = read(
        codingRows=[
            row(
                rowIndex=3,
                accountCode="1000",
                costCenterCode="10",
                netTotal=10.5,
                taxSum=2,
                orderNumber="PO-1",
                orderLineNumber="2",
                goodsReceiptNumber="G-1",
                matchingType=0,
                matchedQuantity=4,
                dimCode1="A",
                dimCode10="J",
                text5="note",
            )
        ]
    ).coding_rows
    assert (coding.account_code, coding.cost_center_code, coding.net_total) == ("1000", "10", Decimal("10.5"))
    assert (coding.order_number, coding.order_line_number, coding.goods_receipt_number) == (
        "PO-1",
        "2",
        "G-1",
    )
    assert (coding.matching_type, coding.row_index, coding.matched_quantity) == (0, 3, 4)
    assert coding.dimensions == ("A", *[None] * 8, "J")
    assert coding.texts == (None, None, None, None, "note")


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert read_document(json.dumps(invoice(codingRows=[row(rowIndex=2.0)]))).coding_rows[0].row_index == 2


def test_responses_given_so_far_are_read_for_recovery() -> None:
    document = read(
        transferResponses=[
            {"externalCode": "t-1", "success": True, "voucherNumber1": "V1", "responseMessage": "ok"}
        ],
        prebookResponses=[{"externalCode": "b-1"}],
        paymentResponses=[{"externalCode": "p-1", "paidTotal": 99.5}],
        transferParameters=[{"key": "InvoiceBatchId", "value": "B7"}],
        orderNumbers=["PO-1", "", "PO-2"],
    )
    (transfer,) = document.transfer_responses
    assert (transfer.external_code, transfer.success, transfer.voucher_number1) == ("t-1", True, "V1")
    assert document.prebook_responses[0].success is None
    assert document.payment_responses[0].paid_total == Decimal("99.5")
    assert document.transfer_parameters == (("InvoiceBatchId", "B7"),)
    assert document.order_numbers == ("PO-1", "PO-2")


@pytest.mark.covers("H2")
@pytest.mark.parametrize("escape", ["\\u0000", "\\u000b", "\\ud800", "\\udfff", "\\ufffe", "\\uffff"])
def test_characters_that_no_system_stores_are_replaced_and_noted(escape: str) -> None:
    text = json.dumps(invoice(codingRows=[row(text1="X")])).replace('"X"', f'"a{escape}b"')
    document = read_document(text)
    assert document.coding_rows[0].texts[0] == "a\ufffdb"
    assert document.notes == ("codingRows[0].text1: characters that cannot be stored were replaced",)
    assert document.text == text
    assert len(document.digest) == 64


@pytest.mark.parametrize("text", ["😀", "żółć", "Ελλάδα", "a\tb\nc", "a & b < c > \" ' ]]>"])
def test_every_other_character_is_kept(text: str) -> None:
    document = read(description=text)
    assert document.description == text
    assert document.notes == ()


@pytest.mark.parametrize(
    ("bad", "reason", "invoice_id"),
    [
        ('{"invoiceId": "bad", "grossSum": NaN}', "NaN", "bad"),
        ('{"invoiceId": "bad", "grossSum": 1e400}', "range of a double", "bad"),
        ('{"invoiceId": "bad", "netSum": 1, "netSum": 2}', "'netSum' occurs twice", "bad"),
        ('{"invoiceId": "bad", "invoiceId": "worse"}', "'invoiceId' occurs twice", None),
        ('{"invoiceId": "bad", "x": ' + "[" * 10_000 + "]" * 10_000 + "}", "deeper than 64", None),
        ('{"invoiceId": "bad", "x": ' + "[" * 100 + "]" * 100 + "}", "deeper than 64", "bad"),
        ('{"invoiceId": "bad", "x": tru}', "Expecting value", None),
        ('{"invoiceId": "bad"}', "companyCode is missing", "bad"),
        ('{"invoiceId": "b\\u0000\\ud800d"}', "companyCode is missing", "b\ufffd\ufffdd"),
        (json.dumps(invoice(invoiceId="x" * 65)), "more than 64 characters", "x" * 65),
        ('"text"', "not an object", None),
        ("null", "not an object", None),
    ],
)
def test_one_bad_invoice_does_not_lose_the_others_of_the_page(
    bad: str, reason: str, invoice_id: str | None
) -> None:
    page = read_page(
        raw_page(json.dumps(invoice(invoiceId="first")), bad, json.dumps(invoice(invoiceId="last")))
    )
    assert [document.invoice_id for document in page.documents] == ["first", "last"]
    (malformed,) = page.malformed
    assert reason in malformed.reason
    assert malformed.invoice_id == invoice_id
    assert malformed.text == bad


def test_a_page_that_cannot_be_read_is_refused_as_a_whole() -> None:
    with pytest.raises(BadJson, match="accountingDocuments"):
        read_page(b'{"message": "hello"}')


def test_a_stored_text_reads_back_as_the_same_invoice() -> None:
    (document,) = read_page(raw_page(json.dumps(invoice(grossSum=1.5, codingRows=[row()])))).documents
    assert read_document(document.text) == document


def test_the_digest_stands_for_the_invoice_and_not_for_its_wording() -> None:
    rows = [row(externalCode=f"r{number}", netTotal=number) for number in range(5)]
    fields = invoice(grossSum=100, description="Ä", codingRows=rows, unknown={"b": 1, "a": None})
    shuffled = dict(random.Random(7).sample(list(fields.items()), len(fields)))
    shuffled["codingRows"] = list(reversed(rows))
    text = json.dumps(shuffled, ensure_ascii=False).replace('"grossSum": 100', '"grossSum": 100.00')
    assert read_document(text).digest == read_document(json.dumps(fields)).digest


@pytest.mark.parametrize("name", sorted(VOLATILE))
def test_what_moves_during_the_transfer_does_not_change_the_digest(name: str) -> None:
    moved: object = "other"
    if name.endswith("Responses"):
        moved = [{"externalCode": "t-1", "success": True}]
    if name == "transferParameters":
        moved = [{"key": "InvoiceBatchId", "value": "2"}]
    assert read(**{name: moved}).digest == read().digest


@pytest.mark.parametrize(
    "fields",
    [
        {"grossSum": 1},
        {"supplierCode": "000124"},
        {"paymentBlock": True},
        {"codingRows": [row()]},
        {"codingRows": [row(accountCode="1")]},
        {"brandNew": "x"},
        {"text1": "5"},
        {"text1": 5},
    ],
)
def test_what_changes_the_invoice_changes_the_digest(fields: dict[str, Any]) -> None:
    others = [{}, {"grossSum": 2}, {"codingRows": [row(accountCode="2")]}, {"text1": 6}]
    assert read(**fields).digest not in {read(**other).digest for other in others}


def test_a_number_and_the_same_text_differ_in_the_digest() -> None:
    assert read(unknown=5).digest != read(unknown="5").digest
    assert read(unknown=True).digest != read(unknown=1).digest
