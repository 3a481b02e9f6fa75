"""The lock pins every package by hash, and the bill of materials says nothing of where it was made."""

import json
import subprocess
from pathlib import Path

import pytest

from connector_tests import supply_chain
from connector_tests.supply_chain import LOCKS, flaws_of_lock, only, running, without_places

HASH = f"--hash=sha256:{'0' * 64}"


def test_every_package_of_the_locks_is_pinned_by_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert supply_chain.main(["lock"]) == 0
    told = capsys.readouterr().out
    assert all(f"{lock.name}: " in told for lock in LOCKS)
    assert told.count("each pinned by hash") == len(LOCKS)


def test_an_open_lock_is_told_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("httpx\n", encoding="utf-8")
    monkeypatch.setattr(supply_chain, "LOCKS", (lock,))
    assert supply_chain.main(["lock"]) == 1
    assert "some.lock: httpx: is not pinned" in capsys.readouterr().err


def test_the_bill_holds_what_runs_and_nothing_to_develop_with() -> None:
    bill = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [
            {"bom-ref": f"{name}==1", "name": name} for name in ("Http_X", "h11", "pytest", "pluggy")
        ],
        "dependencies": [
            {"ref": "root", "dependsOn": ["Http_X==1", "pytest==1"]},
            {"ref": "Http_X==1", "dependsOn": ["h11==1"]},
            {"ref": "h11==1"},
            {"ref": "pytest==1", "dependsOn": ["pluggy==1"]},
        ],
    }
    kept = only(bill, {"http-x", "h11"})
    assert [one["name"] for one in kept["components"]] == ["Http_X", "h11"]
    assert kept["dependencies"][0] == {"ref": "root", "dependsOn": ["Http_X==1"]}
    assert [one["ref"] for one in kept["dependencies"]] == ["root", "Http_X==1", "h11==1"]


def test_what_runs_is_what_is_asked_for_with_all_that_it_needs() -> None:
    names = running()
    # A direct one, one that an extra brings, one far below.
    assert {"httpx", "psycopg-binary", "certifi"} <= names
    assert not names & {"pytest", "bandit", "mypy", "hypothesis", "pip-audit", "cyclonedx-bom"}


def test_the_tools_of_the_audit_are_named_for_their_lock(capsys: pytest.CaptureFixture[str]) -> None:
    assert supply_chain.main(["tools"]) == 0
    assert "pip-audit>=" in capsys.readouterr().out


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
    assert "cannot be reached, so NONE WERE LOOKED UP" in told
    assert "no route to host" in told


@pytest.mark.parametrize(
    "dependencies", [[], [{"name": "a", "skip_reason": "not found, could not be audited"}] * 2]
)
def test_an_answer_that_looked_nothing_up_is_no_clean_bill(
    dependencies: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(monkeypatch, json.dumps({"dependencies": dependencies}))
    assert supply_chain.main(["weaknesses"]) == 0
    told = capsys.readouterr().out
    assert "NONE WERE LOOKED UP" in told
    assert "nothing is known" not in told


def test_a_known_weakness_fails_and_names_the_version_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weak = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    answered(monkeypatch, json.dumps({"dependencies": [weak, {"name": "b", "version": "1", "vulns": []}]}))
    assert supply_chain.main(["weaknesses"]) == 1
    assert "a 1: PYSEC-1, mended in 2" in capsys.readouterr().err


def test_nothing_known_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ours = {"name": "c", "skip_reason": "not found"}
    answered(monkeypatch, json.dumps({"dependencies": [{"name": "b", "version": "1", "vulns": []}, ours]}))
    assert supply_chain.main(["weaknesses"]) == 0
    told = capsys.readouterr().out
    assert "nothing is known against 1 packages" in told
    assert "1 packages are unknown" in told


def test_every_target_that_is_named_is_there() -> None:
    targets = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "connector_tests.supply_chain lock" in targets
    assert "connector_tests.supply_chain sbom" in targets
