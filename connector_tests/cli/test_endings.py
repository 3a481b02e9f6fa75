"""Every exception ends as a text with a remedy and the right exit code."""

import os
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from connector_defs.cli import app as application
from connector_defs.cli.endings import explain, nothing_in_the_open
from connector_defs.domain.errors import Fatal, LaneBlocked, OutcomeUnknown, RecordRefused, RetryLater
from connector_tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (Fatal("wrong region"), 2, ""),
        (LaneBlocked("no licence seat"), 1, "when it is back"),
        (RetryLater("busy"), 1, "Nothing took effect"),
        (OutcomeUnknown("reply lost"), 1, "looks before it repeats"),
        (RecordRefused("name too short", code="name"), 1, ""),
        (KeyError("surprise"), 1, "CONNECTOR_DEBUG=1"),
    ],
)
def test_an_error_says_what_happened_and_what_to_do(
    error: Exception, code: int, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(error) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(error) in captured.err
    assert hint in captured.err
    assert "Traceback" not in captured.err


def test_a_traceback_is_shown_only_where_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONNECTOR_DEBUG", "1")
    explain(KeyError("surprise"))

    assert "KeyError" in capsys.readouterr().err


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize("kind", [Fatal, KeyError])
def test_neither_passwords_nor_queries_of_an_address_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[Exception], debug: str
) -> None:
    monkeypatch.setenv("CONNECTOR_DEBUG", debug)
    explain(kind("cannot reach postgresql://me:s3cr3t@db/x and https://api.test/v1?token=abc now"))

    err = capsys.readouterr().err
    assert "cannot reach postgresql://…@db/x and https://api.test/v1?… now" in err
    assert "s3cr3t" not in err
    assert "abc" not in err


def test_what_a_thread_does_not_catch_is_told_without_its_secret(capsys: pytest.CaptureFixture[str]) -> None:
    hooks = sys.excepthook, threading.excepthook
    with nothing_in_the_open():
        sys.excepthook(ValueError, ValueError("password=s3cr3t"), None)
        thread = threading.Thread(target=lambda: [][int(f"{1}")] or "password=s3cr3t")
        thread.start()
        thread.join()

    err = capsys.readouterr().err
    assert "ValueError: password=…" in err
    assert "IndexError" in err
    assert "s3cr3t" not in err
    assert (sys.excepthook, threading.excepthook) == hooks


class Ends:
    """Something whose end fails, where nobody can catch it."""

    def __del__(self) -> None:
        raise ValueError("password=s3cr3t")


def test_what_nobody_can_catch_is_told_without_its_secret(capsys: pytest.CaptureFixture[str]) -> None:
    hook = sys.unraisablehook
    with nothing_in_the_open():
        Ends()

    err = capsys.readouterr().err
    assert err.endswith("ValueError: password=…\n")
    assert sys.unraisablehook is hook


def test_whatever_a_command_writes_is_its_user_s_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with nothing_in_the_open():
            (tmp_path / "file").touch()
            (tmp_path / "folder").mkdir()
        (tmp_path / "other").touch()
    finally:
        os.umask(before)

    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "folder", "other")]
    assert modes == [0o600, 0o700, 0o644]


def test_a_database_error_does_not_quote_the_statement(capsys: pytest.CaptureFixture[str]) -> None:
    explain(OperationalError("INSERT payload", {"payload": "iban"}, Exception("disk is full")))

    err = capsys.readouterr().err
    assert "disk is full" in err
    assert "iban" not in err


def test_a_command_that_raises_ends_with_text_and_no_traceback(
    connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst() -> None:
        raise Fatal("the operator is unknown")

    monkeypatch.setattr("connector_defs.cli.opening.settings", burst)
    monkeypatch.setattr("connector_defs.cli.ping.settings", burst)
    ended = connector("ping")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "the operator is unknown\n"


def test_a_missing_setting_is_named_with_its_variable(connector: Command) -> None:
    ended = connector("ping")

    assert ended.code == 2
    assert "SYSPRO_ENET_URL" in ended.err
    assert "BASWARE_CLIENT_SECRET" in ended.err
    assert "Traceback" not in ended.err


def test_an_unknown_key_in_the_settings_file_is_wrong_use(connector: Command, own_place: Path) -> None:
    (own_place / "mine.toml").write_text("[syspro]\nenet_ulr = 'http://x'\n", encoding="utf-8")
    ended = connector("--config", "mine.toml", "ping")

    assert ended.code == 2
    assert "syspro.enet_ulr is not a known setting" in ended.err


def test_a_settings_file_that_does_not_exist_is_wrong_use(connector: Command) -> None:
    ended = connector("--config", "nowhere.toml", "ping")

    assert ended.code == 2
    assert "nowhere.toml does not exist" in ended.err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["sync"], ["sync", "everything"], ["queue", "show"], ["--nope"]]
)
def test_a_mistyped_command_is_wrong_use(connector: Command, arguments: list[str]) -> None:
    assert connector(*arguments).code == 2


def test_main_gives_back_the_exit_code_of_a_command_that_just_returns(
    connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "app", lambda *_, **__: None)

    assert connector().code == 0
