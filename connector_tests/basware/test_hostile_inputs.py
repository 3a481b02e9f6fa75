"""What Basware, or whoever stands in its place, may send to break us: each hostile input by its number.

H2 characters no system stores, H6 size and depth, H7 JSON that says more than one thing, H8 amounts, H14 dates,
H20 redirects. The wire's own tests take each rule apart; here each input meets the client as a whole.
"""

import gzip
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector_defs.basware import transport
from connector_defs.basware.client import BaswareClient
from connector_defs.basware.document_reader import read_document
from connector_defs.basware.documents import AccountingDocument, DocumentPage, MalformedDocument
from connector_defs.basware.extract_files import BadExtractFile, read_rows
from connector_defs.basware.extracts import ExtractFile
from connector_defs.basware.regions import RedirectRefused
from connector_defs.basware.transport import UnreadableAnswer
from connector_defs.domain.errors import OutcomeUnknown
from connector_defs.outside import json_text
from connector_tests.basware.builders import API, Script, client, invoice, raw_page

GOOD = json.dumps(invoice(invoiceId="good"))
REDIRECTS: dict[str, Callable[[BaswareClient, Path], Any]] = {
    "list": lambda api, _: list(api.documents("1000", "WaitingForTransfer")),
    "single": lambda api, _: api.document("inv-1"),
    "extract": lambda api, folder: api.download(
        "e-1", ExtractFile("IA_INVOICE", "f", f"{API}/v1/dataExtracts/e-1/files/1"), folder / "f"
    ),
}


def text_of(**fields: object) -> str:
    """An invoice as JSON; a text of the form `!…` stands for itself, unquoted."""
    plain = json.dumps(invoice(**fields))
    for value in fields.values():
        if isinstance(value, str) and value.startswith("!"):
            plain = plain.replace(json.dumps(value), value[1:])
    return plain


def listed(*documents: str, answer: httpx.Response | None = None) -> DocumentPage:
    steps = [answer or httpx.Response(200, content=raw_page(*documents))] * 2
    (page,) = client(Script(*steps)).documents("1000", "WaitingForTransfer")
    return page


def beside_a_good_one(document: str) -> AccountingDocument | MalformedDocument:
    """What is made of `document` on a page with another, which must come through in any case."""
    page = listed(document, GOOD)
    assert page.documents[-1].invoice_id == "good"
    if page.malformed:
        (bad,) = page.malformed
        assert len(page.documents) == 1
        assert bad.text == document
        return bad
    return page.documents[0]


def malformed(document: str) -> str:
    found = beside_a_good_one(document)
    assert isinstance(found, MalformedDocument)
    return found.reason


def read(document: str) -> AccountingDocument:
    found = beside_a_good_one(document)
    assert isinstance(found, AccountingDocument)
    # What is stored must say the same again.
    assert read_document(found.text) == found
    return found


@pytest.mark.parametrize(
    "escape",
    ["\\u0000", "\\u000b", "\\u001f", "\\ud800", "\\udfff", "\\ufffe", "\\uffff", "\\udc00\\ud800"],
)
def test_h2_characters_that_no_system_stores_are_replaced_with_a_note(escape: str) -> None:
    found = read(text_of(description=f'!"a{escape}b"', supplierCode=f'!"S{escape}"'))
    assert found.description is not None
    assert set(found.description) == {"a", "\ufffd", "b"}
    assert found.description.encode("utf-8")
    assert [note.split(":")[0] for note in found.notes] == ["supplierCode", "description"]


def test_h2_such_characters_in_a_coding_row_are_noted_with_their_place() -> None:
    row = {"externalCode": "r-1", "accountCode": "6\x00000", "lastComment": "\x0b"}
    found = read(text_of(codingRows=[row]))
    assert found.coding_rows[0].account_code == "6\ufffd000"
    assert [note.split(":")[0] for note in found.notes] == [
        "codingRows[0].accountCode",
        "codingRows[0].lastComment",
    ]


def test_h2_raw_control_characters_break_the_one_invoice_only() -> None:
    assert "control character" in malformed(text_of(description='!"a\x00b"'))


def test_h2_a_lone_surrogate_in_the_id_never_crashes() -> None:
    found = read(text_of(invoiceId='!"inv\\ud800"'))
    assert found.invoice_id == "inv\ufffd"
    assert found.digest


def test_h2_a_pair_of_surrogates_is_one_character_and_kept() -> None:
    found = read(text_of(description='!"\\ud83d\\ude00"'))
    assert (found.description, found.notes) == ("😀", ())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("behind_a_link", [False, True])
def test_h6_an_answer_over_the_limit_is_not_read(
    packed: bool, behind_a_link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transport.MAX_ANSWER_BYTES == 20_000_000
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000_000)
    body = b" " * 3_000_000
    headers = {"Content-Encoding": "gzip"} if packed else {}
    big = httpx.Response(200, content=gzip.compress(body) if packed else body, headers=headers)
    link = httpx.Response(302, headers={"Location": "https://bucket.example.com/k"})
    with pytest.raises(UnreadableAnswer, match="larger than 1000000 bytes"):
        list(
            client(Script(*([link] if behind_a_link else []), big)).documents("1000", "Waiting", page_size=1)
        )


@pytest.mark.parametrize("deep", ["[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000])
def test_h6_ten_thousand_levels_are_refused_for_the_one_invoice(deep: str) -> None:
    assert "nested deeper than 64" in malformed(text_of(description=f"!{deep}"))


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"accountingDocuments": ' + "[" * 100_000])
def test_h6_a_page_that_is_nothing_but_brackets_is_refused(deep: str) -> None:
    with pytest.raises(UnreadableAnswer):
        listed(answer=httpx.Response(200, content=deep.encode()))


def test_h6_nesting_beside_the_list_is_refused_too() -> None:
    body = b'{"other": ' + b"[" * 100_000 + b', "accountingDocuments": []}'
    with pytest.raises(UnreadableAnswer, match="nested deeper"):
        listed(answer=httpx.Response(200, content=body))


def test_h6_a_row_of_an_extract_may_be_as_deep_without_harm_to_the_next(tmp_path: Path) -> None:
    deep = '{"ID": ' + "[" * 10_000 + "]" * 10_000 + "}"
    (tmp_path / "f").write_text(f'[{deep}, {{"ID": "b"}}]')
    bad, good = read_rows(tmp_path / "f")
    assert "nested deeper" in (bad.flaw or "")
    assert good.values == {"ID": "b"}


def test_h7_new_fields_are_kept_and_absent_nulls_are_nothing() -> None:
    bare = read(text_of())
    found = read(text_of(brandNew={"a": [1]}, dueDate=None, codingRows=None, grossSum=None))
    assert found.raw["brandNew"] == {"a": [1]}
    assert (found.due_date, found.coding_rows, found.gross_sum) == (None, (), None)
    assert found.digest != bare.digest
    assert read(text_of(dueDate=None, codingRows=None)).digest == bare.digest


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1E+999999999", "1e-400", f"1e{'9' * 20}"]
)
def test_h7_what_is_no_number_makes_the_invoice_malformed(number: str) -> None:
    assert malformed(text_of(grossSum=f"!{number}"))
    assert malformed(text_of(unknownField=f"!{number}"))


def test_h7_a_key_that_occurs_twice_makes_the_invoice_malformed_wherever_it_stands() -> None:
    assert "'grossSum' occurs twice" in malformed(text_of(grossSum=1)[:-1] + ', "grossSum": 2}')
    row = '!{"externalCode": "r", "netTotal": 1, "netTotal": 1}'
    assert "'netTotal' occurs twice" in malformed(text_of(aRow=row))


def test_h7_a_byte_order_mark_is_refused_for_the_whole_page() -> None:
    with pytest.raises(UnreadableAnswer, match="byte order mark"):
        listed(answer=httpx.Response(200, content=b"\xef\xbb\xbf" + raw_page(GOOD)))


@pytest.mark.parametrize(
    "body",
    [
        raw_page(GOOD)[:-1],
        raw_page(GOOD) + b"x",
        b'{"accountingDocuments": [], "accountingDocuments": []}',
        b'{"accountingDocuments": {}}',
        b"{}",
        b"",
        raw_page(GOOD).decode().encode("utf-16"),
        raw_page(GOOD).replace(b"good", b"g\xfc\xfcd"),
    ],
)
def test_h7_a_page_that_says_nothing_certain_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        listed(answer=httpx.Response(200, content=body))


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf[]", b'[{"ID": "a"}'])
def test_h7_the_same_holds_for_the_files_of_extracts(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(BadExtractFile):
        list(read_rows(tmp_path / "f"))


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("1E3", "1000"),
        ("1250.000000", "1250.000000"),
        ("0.1", "0.1"),
        ("-12.345", "-12.345"),
        ("9" * 38, "9" * 38),
        ("1e44", "1e44"),
        ("-5.684341886080802E-14", "-5.684341886080802E-14"),
        ("0e300", "0"),
    ],
)
def test_h8_an_amount_is_read_to_the_digit(amount: str, value: str) -> None:
    gross = read(text_of(grossSum=f"!{amount}")).gross_sum
    assert gross == Decimal(value)
    assert gross is not None
    assert not (gross.is_zero() and gross.is_signed())


@pytest.mark.parametrize(
    "amount",
    [
        '"1.234,56"',
        '"1,234.56"',
        '"12.50"',
        '"-0.00"',
        "true",
        "[1]",
        '{"value": 1}',
        "9" * 40,
        "0." + "1" * 39,
        "1e45",
        "1e308",
        "1e-45",
    ],
)
def test_h8_an_amount_that_is_ambiguous_or_too_long_goes_to_a_person(amount: str) -> None:
    assert malformed(text_of(grossSum=f"!{amount}"))
    assert malformed(text_of(codingRows=f'![{{"externalCode": "r", "netTotal": {amount}}}]'))


@pytest.mark.parametrize("amount", ["1,234", "01", "+1", ".5", "1.", "0x10", "1_000", "１２"])
def test_h8_what_is_no_json_number_breaks_the_one_invoice(amount: str) -> None:
    assert malformed(text_of(grossSum=f"!{amount}"))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-31", date(2026, 3, 31)),
        ("2026-03-31T23:59:59Z", date(2026, 3, 31)),
        ("2026-03-31T00:30:00+14:00", date(2026, 3, 31)),
        ("2026-03-31T23:30:00.1234567-12:00", date(2026, 3, 31)),
        ("2024-02-29T00:00:00", date(2024, 2, 29)),
        ("1900-01-01", date(1900, 1, 1)),
    ],
)
def test_h14_a_business_date_never_moves_by_a_zone(text: str, day: date) -> None:
    found = read(text_of(invoiceDate=text, dueDate=text))
    assert (found.invoice_date, found.due_date) == (day, day)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-02-29",
        "2026-13-01",
        "31.03.2026",
        "03/31/2026",
        "20260331",
        "2026-3-1",
        "2026-W14-2",
        "2026-03-31T25:61",
        "yesterday",
    ],
)
def test_h14_a_date_that_is_none_or_cannot_be_meant_goes_to_a_person(text: str) -> None:
    if text == "2026-03-31T25:61":
        # The time of a business date has no meaning here, so it is not judged.
        assert read(text_of(invoiceDate=text)).invoice_date == date(2026, 3, 31)
        return
    assert "invoiceDate" in malformed(text_of(invoiceDate=text))


def test_h14_a_due_date_before_the_invoice_date_is_read_as_it_stands() -> None:
    """Whether it is right is the planning's question: nothing is lost or corrected on the wire."""
    found = read(text_of(invoiceDate="2026-03-31", dueDate="2026-03-01"))
    assert (found.invoice_date, found.due_date) == (date(2026, 3, 31), date(2026, 3, 1))


@pytest.mark.parametrize("name", REDIRECTS)
@pytest.mark.parametrize(
    "location",
    [
        "http://bucket.example.com/k",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/k",
        "https://[::ffff:169.254.169.254]/k",
        "https://127.0.0.1/k",
        "https://10.0.0.7/k",
        "https://2852039166/k",
        "https://0x7f.0.0.1/k",
        "https://127.1/k",
        "https://169.254.169.254./k",
        "https://metadata.google.internal./k",
        "https://0xa9fea9fe/k",
        "https://localhost/k",
        "https://metadata.google.internal/k",
        "https://user:word@bucket.example.com/k",
        "file:///etc/passwd",
        "ftp://bucket.example.com/k",
        "//169.254.169.254/k",
        "https://",
        "",
        "https://0251.0376.0251.0376/k",
        "https://a:b:c/k",
        "https://xn--/k",
    ],
)
def test_h20_a_redirect_that_leads_astray_is_never_called(name: str, location: str, tmp_path: Path) -> None:
    script = Script(httpx.Response(302, headers={"Location": location}))
    with pytest.raises(RedirectRefused):
        REDIRECTS[name](client(script), tmp_path)
    assert len(script.requests) == 1


@pytest.mark.parametrize("url", ["https://xn--/k", "https://a:b:c/k"])
def test_h20_a_file_of_an_extract_at_what_is_no_address_is_never_called(url: str, tmp_path: Path) -> None:
    script = Script()
    with pytest.raises(RedirectRefused, match="not a URL"):
        client(script).download("e-1", ExtractFile("IA_INVOICE", "f", url), tmp_path / "f")


@pytest.mark.parametrize("name", REDIRECTS)
def test_h20_a_loop_ends_at_its_first_turn(name: str, tmp_path: Path) -> None:
    again = httpx.Response(302, headers={"Location": "https://bucket.example.com/k"})
    script = Script(again, again)
    with pytest.raises(RedirectRefused, match="another redirect"):
        REDIRECTS[name](client(script), tmp_path)
    assert len(script.requests) == 2


@pytest.mark.parametrize("name", REDIRECTS)
def test_h20_no_authorization_is_ever_sent_along(name: str, tmp_path: Path) -> None:
    body = raw_page(GOOD)
    script = Script(
        httpx.Response(
            302, headers={"Location": "https://bucket.example.com/k", "Set-Cookie": "a=b; Domain=example.com"}
        ),
        httpx.Response(200, content=body),
    )
    REDIRECTS[name](client(script), tmp_path)
    assert not {"authorization", "cookie", "x-bw-request-id"} & set(script.requests[1].headers)


def test_h2_characters_that_no_store_takes_are_replaced_in_every_other_answer(tmp_path: Path) -> None:
    vendor = b'{"vendorEntities": [{"externalCode": "v\\u0000", "name": "a\\ud800b\\ufffe"}]}'
    ((found,),) = client(Script(httpx.Response(200, content=vendor))).list_entities("vendors")
    assert found == {"externalCode": "v\ufffd", "name": "a\ufffdb\ufffd"}
    error = b'{"errors": [{"code": "C", "message": "no \\u0000"}]}'
    receipt = client(Script(httpx.Response(400, content=error))).post("vendors", [b"{}"])
    assert receipt.errors[0].message == "no \ufffd"
    plain = client(Script(httpx.Response(400, content=b"no\0 such"))).post("vendors", [b"{}"])
    assert plain.errors[0].message == "no\ufffd such"
    (tmp_path / "f").write_bytes(b"ID;TEXT\na;b\0\n")
    (row,) = read_rows(tmp_path / "f")
    assert row.values == {"ID": "a", "TEXT": "b\ufffd"}


VENDORS = httpx.Response(
    200,
    content=b'{"vendorEntities": [{"externalCode": "v"}]}',
    headers={"x-amz-meta-continuationtoken": "more"},
)


def too_large() -> httpx.Response:
    return httpx.Response(200, content=b" " * 2_000)


def test_h6_a_list_whose_pages_are_too_large_is_read_again_in_smaller_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000)
    first = httpx.Response(
        200, content=raw_page(GOOD), headers={"x-amz-meta-continuationtoken": "of pages of a hundred"}
    )
    script = Script(
        first, too_large(), first, httpx.Response(200, content=raw_page(text_of(invoiceId="last")))
    )
    pages = list(client(script).documents("1000", "Waiting"))
    assert [page.documents[0].invoice_id for page in pages] == ["good", "good", "last"]
    assert [page.last for page in pages] == [False, False, True]
    assert [request.url.params["pageSize"] for request in script.requests] == ["100", "100", "10", "10"]
    assert "x-amz-meta-continuationtoken" not in script.requests[2].headers


def test_h6_a_single_record_that_is_too_large_ends_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 1_000)
    script = Script(*[too_large()] * 3)
    with pytest.raises(UnreadableAnswer, match="larger than 1,000 bytes"):
        list(client(script).documents("1000", "Waiting"))
    assert [request.url.params["pageSize"] for request in script.requests] == ["100", "10", "1"]


@pytest.mark.parametrize("redirected", [False, True])
@pytest.mark.parametrize("cap", ["bytes", "values"])
def test_h6_an_invoice_that_is_too_large_by_itself_hides_no_other(
    cap: str, redirected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        *((transport, "MAX_ANSWER_BYTES") if cap == "bytes" else (json_text, "MAX_BYTES")), 1_000
    )
    more = {"x-amz-meta-continuationtoken": "more"}
    away = httpx.Response(302, headers={"Location": "https://bucket.example.com/k", **more})
    huge = [away, too_large()] if redirected else [httpx.Response(200, content=b" " * 2_000, headers=more)]
    script = Script(too_large(), too_large(), *huge, httpx.Response(200, content=raw_page(GOOD)))
    pages = client(script).documents("1000", "Waiting")
    page = next(pages)
    assert ([document.invoice_id for document in page.documents], page.last) == (["good"], False)
    with pytest.raises(UnreadableAnswer, match="every other record of the list was read"):
        next(pages)
    assert script.requests[-1].headers["x-amz-meta-continuationtoken"] == "more"


def test_h6_a_list_that_must_not_be_given_twice_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 1_000)
    script = Script(VENDORS, too_large())
    with pytest.raises(UnreadableAnswer, match="larger than 1,000 bytes"):
        list(client(script).list_entities("vendors"))


def test_h6_a_list_of_which_nothing_was_given_yet_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 1_000)
    script = Script(too_large(), VENDORS, httpx.Response(404))
    assert len(list(client(script).list_entities("vendors", page_size=200))) == 1
    assert [request.url.params["pageSize"] for request in script.requests] == ["200", "20", "20"]


def test_h6_a_list_whose_pages_have_one_size_only_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_BYTES", 1_000)
    with pytest.raises(UnreadableAnswer, match="larger than 1,000 bytes"):
        list(client(Script(too_large())).tasks("New"))


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br"])
def test_h6_an_answer_packed_otherwise_than_asked_for_is_refused(encoding: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/tokens"):
            return httpx.Response(200, json={"access_token": "t"})
        assert request.headers["Accept-Encoding"] == "gzip"
        return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=httpx_stream())

    with pytest.raises(UnreadableAnswer, match="not asked for"):
        list(client(answer).documents("1000", "Waiting"))
    with pytest.raises(OutcomeUnknown, match="not asked for"):
        client(answer).acknowledge("inv-1")


def httpx_stream() -> httpx.SyncByteStream:
    class Stream(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            yield b"{}"

    return Stream()
