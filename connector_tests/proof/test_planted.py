"""Secrets planted, the worst of a day run, everything searched; and the search finds them where nothing is masked."""

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from connector_defs.domain import known_secrets
from connector_tests.proof import loud
from connector_tests.proof.grep import forms_of, hits
from connector_tests.proof.planted import ALLOWED, BANK_ACCOUNT, REFUSED, holds_its_accounts, open_site


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def a_bad_hour(folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Commands in this process, most of which are refused; the names of the secrets found in all that was written."""
    with open_site(folder) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(folder)
        refused = site.planted.fixed[REFUSED]
        commands = {
            "--verbose sync master-data --entity vendors": {},
            "--verbose ping": {"SYSPRO_OPERATOR_PASSWORD": refused, "BASWARE_CLIENT_SECRET": refused},
            "sync invoices": {"SYSPRO_OPERATOR_PASSWORD": refused, "CONNECTOR_DEBUG": "1"},
        }
        for number, (words, changed) in enumerate(commands.items()):
            told = io.StringIO()
            with monkeypatch.context() as patch, redirect_stdout(told), redirect_stderr(told):
                for name, value in changed.items():
                    patch.setenv(name, value)
                loud.main(words.split())
            (folder / "told" / f"{number}.log").write_text(told.getvalue(), encoding="utf-8")
        assert holds_its_accounts(folder)
        assert site.planted.tokens
        return {hit.secret for hit in site.found()}


def test_no_planted_secret_is_found_in_anything_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert a_bad_hour(tmp_path, monkeypatch) == set()


def test_without_redaction_they_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loud.UNREDACTED, "1")
    assert len(a_bad_hour(tmp_path, monkeypatch)) >= 4
    known_secrets.forget_all()


def test_a_secret_is_found_in_every_form_and_where_it_may_be_it_counts_for_nothing(tmp_path: Path) -> None:
    secret = "planted & <found>"
    for number, form in enumerate(forms_of(secret)):
        (tmp_path / f"{number}.txt").write_bytes(b"before " + form + b" behind")
    (tmp_path / "staged.parquet.txt").write_text("nothing")
    assert {hit.place for hit in hits(tmp_path, {"word": [secret]})} == {
        f"/{number}.txt" for number in range(len(forms_of(secret)))
    }
    assert hits(tmp_path, {BANK_ACCOUNT: [secret]}, allowed={BANK_ACCOUNT: (".txt",)}) == []
    assert ALLOWED == {BANK_ACCOUNT: (".parquet",)}
