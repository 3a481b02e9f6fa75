"""No query string and no credential in the log lines of the HTTP libraries."""

import logging
from collections.abc import Iterator

import httpx
import pytest

from connector_defs.domain.redaction import HTTP_LOGGERS, CutQuery, install, without_query


@pytest.fixture(autouse=True)
def _filters_as_before() -> Iterator[None]:
    before = {name: list(logging.getLogger(name).filters) for name in HTTP_LOGGERS}
    yield
    for name, filters in before.items():
        logging.getLogger(name).filters[:] = filters


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("GET https://a.example/k?sig=1&x=2 HTTP/1.1", "GET https://a.example/k?… HTTP/1.1"),
        ("Location b'/k?sig=1', 200", "Location b'/k?…', 200"),
        ('"https://a.example/k?sig=1"', '"https://a.example/k?…"'),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer …"),
        ("authorization: basic dXNlcjpwYXNz=", "authorization: basic …"),
        ("what now? nothing", "what now? nothing"),
        ("plain", "plain"),
    ],
)
def test_queries_and_credentials_are_cut(text: str, cleaned: str) -> None:
    assert without_query(text) == cleaned


def test_a_request_of_httpx_is_logged_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    install()
    caplog.set_level(logging.DEBUG)
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport, trust_env=False) as client:
        client.get("https://bucket.example/key", params={"X-Amz-Signature": "abcdef"})
    assert "bucket.example/key" in caplog.text
    assert "abcdef" not in caplog.text


@pytest.mark.parametrize("name", HTTP_LOGGERS)
def test_every_http_logger_is_covered(name: str, caplog: pytest.LogCaptureFixture) -> None:
    install()
    caplog.set_level(logging.DEBUG)
    logging.getLogger(name).debug("complete %s", "(b'Location', b'https://a.example/?sig=abcdef')")
    assert "complete" in caplog.text
    assert "abcdef" not in caplog.text


def test_installing_twice_changes_nothing() -> None:
    install()
    install()
    for name in HTTP_LOGGERS:
        assert sum(isinstance(one, CutQuery) for one in logging.getLogger(name).filters) == 1
