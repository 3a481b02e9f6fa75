"""The lock pins every package by hash, and the bill of materials says nothing of where it was made."""

import json
import subprocess
from pathlib import Path

import pytest

from connector_tests import supply_chain
from connector_tests.supply_chain import LOCK, flaws_of_lock, without_places

HASH = f"--hash=sha256:{'0' * 64}"


def test_every_package_of_the_lock_is_pinned_by_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert flaws_of_lock(LOCK.read_text(encoding="utf-8")) == []
    assert supply_chain.main(["lock"]) == 0
    assert "each pinned by hash" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "flaw"),
    [
        ("httpx==0.28.1", "has no SHA-256 hash"),
        (f"httpx>=0.28.1 {HASH}", "is not pinned"),
        (f"httpx {HASH}", "is not pinned"),
        ("httpx==0.28.1 --hash=md5:00", "has no SHA-256 hash"),
        (f"httpx==0.28.1 {HASH} --index-url=x", "something else beside it"),
        (f"httpx @ https://files.example/httpx.whl {HASH}", "names a place"),
        ("--index-url https://index.example/simple", "names a place"),
        ("-e .", "names a place"),
    ],
)
def test_a_lock_that_leaves_something_open_is_refused(line: str, flaw: str) -> None:
    (found,) = flaws_of_lock(
        f"# made by hand\n{line}\nrich[all]==1 ; python_version < '3.12' \\\n    {HASH}\n    # via x\n"
    )
    assert flaw in found


def test_the_bill_names_no_place() -> None:
    bill = {
        "components": [
            {"name": "a", "externalReferences": [{"url": "https://index.example/simple/a"}], "licenses": []},
            {"name": "b", "purl": "pkg:pypi/b@1"},
        ]
    }
    assert without_places(bill) == {"components": [{"name": "a"}, {"name": "b", "purl": "pkg:pypi/b@1"}]}


def answered(monkeypatch: pytest.MonkeyPatch, stdout: str, stderr: str = "") -> None:
    ended = subprocess.CompletedProcess([], 1, stdout, stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)


def test_a_service_that_cannot_be_reached_is_said_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(monkeypatch, "", "Traceback …\nConnectionError: no route to host")
    assert supply_chain.main(["weaknesses"]) == 0
    told = capsys.readouterr().out
    assert "cannot be reached, so none were looked up" in told
    assert "no route to host" in told


def test_a_known_weakness_fails_and_names_the_version_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weak = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    answered(monkeypatch, json.dumps({"dependencies": [weak, {"name": "b", "version": "1", "vulns": []}]}))
    assert supply_chain.main(["weaknesses"]) == 1
    assert "a 1: PYSEC-1, mended in 2" in capsys.readouterr().err


def test_nothing_known_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answered(monkeypatch, json.dumps({"dependencies": [{"name": "b", "version": "1", "vulns": []}]}))
    assert supply_chain.main(["weaknesses"]) == 0
    assert "nothing is known against 1 packages" in capsys.readouterr().out


def test_every_target_that_is_named_is_there() -> None:
    targets = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "connector_tests.supply_chain lock" in targets
    assert "connector_tests.supply_chain sbom" in targets
