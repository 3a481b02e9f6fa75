"""`connector demo` keeps its promises, at a small size, in a process of its own as users run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector_defs.cli import demo
from connector_defs.cli.demo import Check, peak_memory_mb

SMALL = ["--suppliers=12", "--accounts=60", "--cost-centers=4", "--orders=10", "--invoices=30"]


def test_every_flow_runs_twice_and_the_books_agree(own_place: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "connector_defs.cli", "demo", *SMALL, "--keep"],
        cwd=own_place,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    for text in (
        "approved invoices",
        "invoice(s) wait",
        "Writes of master data and orders that Basware counted: 0",
        "released by themselves",
        "Payments: SYSPRO pays",
        "Payment responses sent by a second pass: 0",
        "Enrichment: people in Basware change 6 vendors",
        "waits for approval",
        "Suppliers changed in SYSPRO",
        "Writes of master data by the next run: 0",
        "agree to the cent",
        "Everything held",
        "make ui",
    ):
        assert text in ended.stdout
    assert "Traceback" not in ended.stderr
    assert (own_place / "data" / "demo" / "state" / "state.db").exists()


def test_a_broken_promise_is_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    demo._verdict([Check("a second pass sends zero writes", held=False, found="3 sent")], 12.0)

    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "NOT everything held: 12.0 s in all" in out


def test_the_most_memory_held_is_measured() -> None:
    memory = peak_memory_mb()

    assert memory is not None
    assert 10 < memory < 10_000
