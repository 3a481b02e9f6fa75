"""Secrets planted, the worst of a day run, everything searched; and the search finds them where nothing is masked."""

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

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


def a_bad_hour(folder: Path, monkeypatch: pytest.MonkeyPatch, *commands: str) -> set[str]:
    """Commands in this process, with credentials that are refused; the names of the secrets found in what was written.

    Dagster keeps nothing here; what it would keep is put to the test in `orchestration/test_clean_errors` and the proof.
    """
    with open_site(folder) as site:
        refused = site.planted.fixed[REFUSED]
        for name, value in {
            **site.environment,
            "SYSPRO_OPERATOR_PASSWORD": refused,
            "BASWARE_CLIENT_SECRET": refused,
            "CONNECTOR_DEBUG": "1",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME")
        monkeypatch.chdir(folder)
        for number, words in enumerate(commands):
            told = io.StringIO()
            with redirect_stdout(told), redirect_stderr(told):
                loud.main(words.split())
            (folder / "told" / f"{number}.log").write_text(told.getvalue(), encoding="utf-8")
        return {hit.secret for hit in site.found()}


def test_no_planted_secret_is_found_in_anything_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = ("--verbose sync master-data --entity vendors", "--verbose ping")
    assert a_bad_hour(tmp_path, monkeypatch, *commands) == set()
    assert holds_its_accounts(tmp_path)


def test_without_redaction_they_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(loud.UNREDACTED, "1")
    assert a_bad_hour(tmp_path, monkeypatch, "--verbose ping") >= {REFUSED, "company password"}


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
