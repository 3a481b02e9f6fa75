"""No log record holds a secret, whichever logger makes it and whoever reads it."""

import io
import logging
from collections.abc import Iterator

import httpx
import pytest
from uvicorn.logging import AccessFormatter

from connector_defs.domain.known_secrets import know
from connector_defs.domain.log_redaction import CleanRecords, install

SECRET = "planted-secret-4711"


@pytest.fixture(autouse=True)
def _factory_as_before() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    install()
    know([SECRET])
    yield
    logging.setLogRecordFactory(before)


def told(*arguments: object, formatter: logging.Formatter | None = None, **named: object) -> str:
    """What a handler writes for a line of a logger that is made now."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logger = logging.Logger("made later")
    logger.addHandler(handler)
    logger.info(*arguments, **named)  # type: ignore[arg-type]
    return out.getvalue()


def test_installing_twice_changes_nothing() -> None:
    factory = logging.getLogRecordFactory()
    install()
    assert isinstance(factory, CleanRecords)
    assert logging.getLogRecordFactory() is factory


class Odd:
    """An argument that is no text."""

    def __str__(self) -> str:
        return f"odd {SECRET}"


class Counted(Odd):
    """A number that says more of itself."""

    def __index__(self) -> int:
        return 3


class Broken:
    """An argument that cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    "arguments",
    [
        (f"plain {SECRET}",),
        ("as argument %s", SECRET),
        ("quoted %r of %d", SECRET, 3),
        ("by name %(one)s", {"one": SECRET}),
        ("an object %s", Odd()),
        (Odd(),),
        # Neither part is the secret, both together are.
        ("planted-%s", "secret-4711"),
        ("100 %% of %s", SECRET),
        (f"{SECRET} %d times", Counted()),
    ],
)
def test_a_secret_is_masked_wherever_in_a_line_it_stands(arguments: tuple[object, ...]) -> None:
    line = told(*arguments)
    assert SECRET not in line
    assert "…" in line


def test_a_line_without_a_secret_keeps_its_parts() -> None:
    record = logging.getLogRecordFactory()("x", logging.INFO, "f", 1, "a %s", ("b",), None)
    assert (record.msg, record.args) == ("a %s", ("b",))


def test_a_line_that_cannot_be_put_together_is_reported_without_its_secret(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told("too few %s %s", SECRET)
    told("cannot be shown %s %s", Broken(), SECRET)
    told(f"{SECRET} in the text, and too few %s %s", 1)
    assert SECRET not in str(
        logging.getLogRecordFactory()("x", logging.INFO, "f", 1, "too few %s %s", [SECRET], None).args
    )
    err = capsys.readouterr().err
    assert "Logging error" in err
    assert SECRET not in err


def refuse(text: str) -> None:
    raise ValueError(text)


def test_an_exception_is_told_without_its_secret() -> None:
    try:
        refuse(f"wrong {SECRET}")
    except ValueError:
        line = told("it broke", exc_info=True)
    assert SECRET not in line
    assert "ValueError: wrong …" in line
    assert "Traceback" in line


def test_the_cause_of_an_exception_is_told_without_its_secret() -> None:
    try:
        try:
            _ = {}[SECRET]
        except KeyError as error:
            raise ValueError("behind it") from error
    except ValueError:
        line = told("it broke", exc_info=True)
    assert SECRET not in line
    assert "ValueError: behind it" in line


def test_an_exception_without_a_secret_is_left_as_it_is() -> None:
    try:
        refuse("plain")
    except ValueError as error:
        record = logging.getLogRecordFactory()(
            "x", logging.INFO, "f", 1, "m", (), (ValueError, error, error.__traceback__)
        )
    assert record.exc_info is not None
    assert record.exc_text is None


def test_the_lines_of_access_of_uvicorn_keep_their_shape() -> None:
    line = told(
        '%s - "%s %s HTTP/%s" %d',
        "127.0.0.1:5",
        "POST",
        "/webhooks/basware?token=abc",
        "1.1",
        200,
        formatter=AccessFormatter('%(client_addr)s "%(request_line)s" %(status_code)s', use_colors=False),
    )
    assert line == '127.0.0.1:5 "POST /webhooks/basware?… HTTP/1.1" 200 OK\n'


def test_a_request_of_httpx_is_logged_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport, trust_env=False) as client:
        client.get("https://bucket.example/key", params={"X-Amz-Signature": "abcdef"})
    assert "bucket.example/key" in caplog.text
    assert "abcdef" not in caplog.text


@pytest.mark.parametrize(
    "name", ["httpcore.http11", "sqlalchemy.engine", "alembic", "asyncio", "dagster", "connector_defs.flows"]
)
def test_every_logger_is_covered(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger(name).error("complete %s", "(b'Location', b'https://a.example/?sig=abcdef')")
    assert "complete" in caplog.text
    assert "abcdef" not in caplog.text
