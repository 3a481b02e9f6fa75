"""Log lines: on stderr, one per event, no address with its query, no traceback unless asked for."""

import logging
from collections.abc import Iterator

import pytest

from connector_defs.cli.logs import configure_logs, is_verbose

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.covers("H19")
def test_a_message_cannot_fake_a_second_event(capsys: Output) -> None:
    configure_logs(verbose=True)
    logging.getLogger("x").info("one\n2026-01-01 ERROR fake: %s", "two\x1b")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "one\\n2026-01-01 ERROR fake: two\\x1b" in captured.err


@pytest.mark.parametrize("verbose", [True, False])
def test_information_shows_only_where_asked_for(capsys: Output, verbose: bool) -> None:
    configure_logs(verbose=verbose)
    logging.getLogger("connector_defs.flows").info("page 3")

    assert ("page 3" in capsys.readouterr().err) is verbose
    assert is_verbose() is verbose


def test_whole_addresses_are_never_logged(capsys: Output) -> None:
    configure_logs(verbose=True)
    logging.getLogger("httpx").info("GET https://x?secret=1")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("debug", ["", "1"])
def test_an_exception_with_a_secret_is_one_line_without_it(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("CONNECTOR_DEBUG", debug)
    configure_logs(verbose=False)
    try:
        int("no number:\nhttps://x/y?key=s3cr3t")
    except ValueError:
        logging.getLogger("x").exception("step failed")

    err = capsys.readouterr().err
    assert "s3cr3t" not in err
    assert ("Traceback" in err) is bool(debug)
    assert debug or "step failed: ValueError: invalid literal" in err.splitlines()[0]


@pytest.mark.parametrize("debug", ["", "1"])
def test_an_exception_is_one_line_unless_debugging(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, debug: str
) -> None:
    monkeypatch.setenv("CONNECTOR_DEBUG", debug)
    configure_logs(verbose=False)
    try:
        _ = {}["surprise"]
    except KeyError:
        logging.getLogger("x").exception("step failed")

    err = capsys.readouterr().err
    assert "step failed" in err
    assert ("Traceback" in err) is bool(debug)
    assert debug or err.endswith("step failed: KeyError: 'surprise'\n")
