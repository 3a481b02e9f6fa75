"""The Data Access API over a scripted wire, and against Basware's published schemas."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from connector_defs.basware import transport
from connector_defs.basware.extracts import (
    DataExtract,
    ExtractFile,
    TableDefinition,
    read_definitions,
    read_extracts,
    read_files,
)
from connector_defs.basware.regions import SANDBOX, BaswareHosts, RedirectRefused
from connector_defs.basware.transport import UnreadableAnswer
from connector_defs.basware.wire import BadJson, encode
from connector_defs.domain.errors import Fatal, OutcomeUnknown, RecordRefused, RetryLater
from connector_tests.basware.builders import API, Script, client
from connector_tests.contract import document, needs_contract, response_validator, schema

EXTRACT: dict[str, Any] = {
    "id": "e-1",
    "type": "Delta",
    "startDate": "2026-11-19T00:00:00Z",
    "endDate": "2026-11-20T00:00:00Z",
    "fileCount": 2,
    "processingStatus": "WaitingForExport",
    "extractDate": "2026-11-20T01:00:00Z",
    "extractName": "Delta e-1",
}
FILE: dict[str, Any] = {
    "extractId": "e-1",
    "tableName": "IA_INVOICE",
    "fileName": "IA_INVOICE_1.zip",
    "startDate": "2026-11-19T00:00:00Z",
    "endDate": "2026-11-20T00:00:00Z",
    "downloadUrl": f"{API}/v1/dataExtracts/e-1/files/1",
}
COLUMN = {"Column name": "INVOICE_ID", "Data Type": "varchar", "Field definition": "id", "Example value": ""}
TABLE = {"Table name": "IA_INVOICE", "Columns": [COLUMN]}
BUCKET = "https://bucket.s3.eu-west-1.amazonaws.com/file?X-Amz-Signature=abc"


def answer(value: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=encode(value))  # type: ignore[arg-type]


def redirect(location: str) -> httpx.Response:
    return httpx.Response(302, headers={"Location": location})


def file(url: str = str(FILE["downloadUrl"])) -> ExtractFile:
    return ExtractFile("IA_INVOICE", "IA_INVOICE_1.zip", url)


def test_the_extracts_of_one_status_are_listed() -> None:
    script = Script(answer([EXTRACT]))
    assert client(script).extracts("WaitingForExport") == [
        DataExtract("e-1", "Delta", 2, "WaitingForExport", "2026-11-20T01:00:00Z")
    ]
    assert script.requests[0].url == f"{API}/v1/dataExtracts?processingStatus=WaitingForExport"


@pytest.mark.parametrize("step", [answer([]), httpx.Response(404), httpx.Response(204)])
def test_no_extracts_are_an_empty_list(step: httpx.Response) -> None:
    assert client(Script(step)).extracts("WaitingForExport") == []


def test_the_files_of_an_extract_are_read() -> None:
    script = Script(answer([FILE]), httpx.Response(404))
    api = client(script)
    assert api.extract_files("a/b") == [file()]
    assert api.extract_files("e-2") is None
    assert script.requests[0].url.raw_path == b"/v1/dataExtracts/a%2Fb"


def test_the_tables_are_read_with_their_columns() -> None:
    script = Script(answer([TABLE]))
    assert client(script).table_definitions() == [TableDefinition("IA_INVOICE", ("INVOICE_ID",))]


@pytest.mark.parametrize("body", [{}, [1], [{}], [{"id": 7}], [{"id": ""}], "text", None])
def test_a_list_that_is_none_is_asked_for_once_more_and_then_reported(body: object) -> None:
    with pytest.raises(UnreadableAnswer):
        client(Script(answer(body), answer(body))).extracts("WaitingForExport")


def test_a_count_that_is_none_is_left_out() -> None:
    assert read_extracts(encode([EXTRACT | {"fileCount": "2"}]))[0].file_count is None


@pytest.mark.parametrize("name", ["tableName", "downloadUrl"])
def test_a_file_without_what_leads_to_it_is_refused(name: str) -> None:
    with pytest.raises(BadJson, match=name):
        read_files(encode([FILE | {name: None}]))


def test_a_table_may_have_no_columns() -> None:
    assert read_definitions(encode([TABLE | {"Columns": None}])) == [TableDefinition("IA_INVOICE", ())]


def test_a_scope_that_was_not_granted_is_said_so() -> None:
    with pytest.raises(Fatal, match=r"the scope dataExtracts\.read"):
        client(Script(httpx.Response(403))).extracts("WaitingForExport")


def test_a_file_is_downloaded_through_one_redirect_that_sees_nothing_of_ours(tmp_path: Path) -> None:
    script = Script(redirect(BUCKET), httpx.Response(200, content=b"rows"))
    client(script).download("e-1", file(), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"rows"
    first, second = script.requests
    assert first.headers["Authorization"] == "Bearer T1"
    assert str(second.url) == BUCKET
    assert not {"authorization", "x-bw-request-id", "cookie"} & set(second.headers)


def test_a_file_may_come_at_once_and_from_a_path(tmp_path: Path) -> None:
    script = Script(httpx.Response(200, content=b"rows"))
    client(script).download("e-1", file("/v1/dataExtracts/e-1/files/1?part=2"), tmp_path / "file")
    assert str(script.requests[0].url) == f"{API}/v1/dataExtracts/e-1/files/1?part=2"
    assert script.requests[0].headers["Authorization"] == "Bearer T1"


def test_a_file_that_lies_elsewhere_is_fetched_without_the_token(tmp_path: Path) -> None:
    script = Script(redirect("https://more.example.com/f"), httpx.Response(200, content=b"rows"))
    client(script).download("e-1", file(BUCKET), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"rows"
    assert [str(request.url) for request in script.requests] == [BUCKET, "https://more.example.com/f"]
    assert not any("authorization" in request.headers for request in script.requests)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"https://a@{API[8:]}/f", "credentials"),
        ("https://test-api.basware.com/f", "test environment"),
        ("https://us-api.basware.com/f", "region US"),
        ("https://api.basware.com:8443/f", "port 443"),
    ],
)
def test_a_file_that_lies_where_it_must_not_is_not_fetched(url: str, reason: str, tmp_path: Path) -> None:
    script = Script()
    with pytest.raises(RedirectRefused, match=reason):
        client(script).download("e-1", file(url), tmp_path / "file")
    assert script.requests == []


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://127.0.0.1:8/f", True),
        ("http://localhost:8/f", True),
        ("/f", True),
        ("http://localhost:9/f", False),
        ("https://localhost:8/f", False),
        ("http://bucket.example.com:8/f", False),
        ("http://a:b:c/f", False),
    ],
)
def test_the_sandbox_is_itself_under_each_of_its_names(url: str, same: bool) -> None:
    assert BaswareHosts(SANDBOX).is_same_place("http://127.0.0.1:8", url) is same


@pytest.mark.parametrize(
    "url",
    [
        "http://bucket.example.com/f",
        "https://169.254.169.254/f",
        "file:///etc/passwd",
        "https://[",
        "https://host/f",
    ],
)
def test_a_file_at_an_address_that_is_not_followed_is_never_called(url: str, tmp_path: Path) -> None:
    script = Script()
    with pytest.raises(RedirectRefused):
        client(script).download("e-1", file(url), tmp_path / "file")
    assert script.requests == []
    assert script.token_requests != []


def test_a_redirect_to_a_redirect_is_not_followed(tmp_path: Path) -> None:
    script = Script(redirect(BUCKET), redirect(BUCKET))
    with pytest.raises(RedirectRefused, match="another redirect"):
        client(script).download("e-1", file(), tmp_path / "file")


@pytest.mark.parametrize("url", [str(FILE["downloadUrl"]), "https://files.example.com/f"])
def test_a_link_that_ran_out_is_asked_for_again(url: str, tmp_path: Path) -> None:
    script = Script(
        redirect(BUCKET), httpx.Response(403), redirect(BUCKET), httpx.Response(200, content=b"rows")
    )
    client(script).download("e-1", file(url), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"rows"


def test_an_expired_token_is_replaced_for_a_download(tmp_path: Path) -> None:
    script = Script(httpx.Response(401), httpx.Response(200, content=b"rows"))
    client(script).download("e-1", file(), tmp_path / "file")
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer T1", "Bearer T2"]


def test_storage_that_refuses_is_tried_later(tmp_path: Path) -> None:
    with pytest.raises(RetryLater, match=r"storage .* answered 403"):
        client(Script(*[httpx.Response(403)] * 3)).download("e-1", file(BUCKET), tmp_path / "file")
    with pytest.raises(RetryLater, match="is not there"):
        client(Script(httpx.Response(404))).download("e-1", file(), tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_a_download_ends_at_its_size_and_at_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_FILE_BYTES", 10)
    with pytest.raises(UnreadableAnswer, match="larger than 10 bytes"):
        client(Script(httpx.Response(200, content=b"x" * 11))).download("e-1", file(), tmp_path / "file")
    monkeypatch.setattr(transport, "LONGEST_DOWNLOAD_SECONDS", -1.0)
    with pytest.raises(UnreadableAnswer, match="seconds"):
        client(Script(httpx.Response(200, content=b"x"))).download("e-1", file(), tmp_path / "file")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RetryLater, match="cannot be written"):
        client(Script(httpx.Response(200, content=b"x"))).download("e-1", file(), tmp_path / "no" / "file")


def test_no_signed_link_stands_in_a_message(tmp_path: Path) -> None:
    with pytest.raises(RetryLater) as raised:
        client(Script(*[httpx.Response(500)] * 3)).download("e-1", file(BUCKET), tmp_path / "file")
    assert "abc" not in str(raised.value)


def test_an_extract_is_marked_as_exported() -> None:
    script = Script(answer({"succeeded": True, "message": "Action done successfully"}))
    client(script).acknowledge_extract("e-1")
    assert (script.requests[0].method, str(script.requests[0].url)) == (
        "POST",
        f"{API}/v1/dataExtracts/e-1/acknowledge",
    )


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (httpx.Response(422, json={"detail": []}), RecordRefused),
        (httpx.Response(404), RecordRefused),
        (httpx.Response(500), OutcomeUnknown),
        (httpx.ReadError("reset"), OutcomeUnknown),
    ],
)
def test_an_acknowledge_that_did_not_succeed_says_so(step: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        client(Script(step)).acknowledge_extract("e-1")


OPERATIONS = {
    ("get", "/v1/dataExtracts"): [EXTRACT],
    ("get", "/v1/dataExtracts/e-1"): [FILE],
    ("get", "/v1/dataExtracts/specification/tableDefinition"): [TABLE],
    ("post", "/v1/dataExtracts/e-1/acknowledge"): {"succeeded": True, "message": "done"},
}


@needs_contract
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_these_tests_answer_is_what_basware_publishes(method: str, path: str) -> None:
    validator = response_validator(method, path, 200)
    assert validator is not None
    assert [error.message for error in validator.iter_errors(OPERATIONS[method, path])] == []


@needs_contract
@pytest.mark.parametrize(
    ("name", "read", "minimal"),
    [
        ("AvailableDataExtractInfo", read_extracts, EXTRACT),
        ("DataExtractFileInfo", read_files, FILE),
        ("DataExtractTableDefinition", read_definitions, TABLE),
        ("DataExtractTableColumnDefinition", None, COLUMN),
    ],
)
def test_every_field_we_need_is_published_as_required(name: str, read: Any, minimal: dict[str, Any]) -> None:
    assert set(minimal) == set(schema(name)["required"]) == set(schema(name)["properties"])
    if read is not None:
        assert read(encode([minimal | {"new": 1}]))


@needs_contract
def test_the_calls_are_those_of_the_contract() -> None:
    paths = document()["paths"]
    (listing,) = [p for p in paths["/v1/dataExtracts"]["get"]["parameters"] if p["in"] == "query"]
    assert listing["name"] == "processingStatus"
    assert "requestBody" not in paths["/v1/dataExtracts/{extract_id}/acknowledge"]["post"]
    status = schema("AvailableDataExtractInfo")["properties"]["processingStatus"]
    assert "WaitingForExport" in status["enum"]
