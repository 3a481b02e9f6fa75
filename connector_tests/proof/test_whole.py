"""What the proof says and how it ends: one flaw anywhere, or a proof that is too small, is a failure."""

from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest
from rich.console import Console

from connector_defs.points import POINTS
from connector_tests.proof import report, whole
from connector_tests.proof.evidence import NamedTest, Shown
from connector_tests.proof.judge import Breach, Verdict
from connector_tests.proof.tally import Tally, total

SOUND = Tally(
    "crash harness",
    scenarios=600,
    runs=1500,
    invoices=21_000,
    kills=Counter(dict.fromkeys(POINTS, 20)),
)
SHOWN = Shown(
    "F1", "killed after reading", ((NamedTest("proof/test_x.py", "test_f1_it", ("F1",), False), "passed"),)
)


def flawed() -> Tally:
    tally = Tally("soak", scenarios=1, invoices=10)
    tally.judge(Verdict([Breach("I1", "doubled", "X stands in SYSPRO 2 times")]), "soak, seed 3")
    return tally


def end_with(monkeypatch: pytest.MonkeyPatch, page: Path, tallies: list[Tally], *words: str) -> int:
    monkeypatch.setattr(whole, "prove", lambda parts, seed, console: (tallies, [SHOWN]))
    monkeypatch.setattr(whole, "_PAGE", page)
    return whole.main(words)


def test_a_sound_proof_ends_well_and_writes_its_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "proof.md"
    assert end_with(monkeypatch, page, [SOUND], "--seed", "5") == 0
    assert "Nothing is off." in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert 'Command: `make proof ARGS="--seed 5"`' in text
    kills = f"{20 * len(POINTS):,}"
    assert f"| crash harness | 600 | 1,500 | {kills} | 21,000 | 0 | 0 | 0 | 0 | 0 |" in text
    assert "| `posting.intent_written` |" in text
    assert "| F1 | killed after reading | passed | f1 it (`proof/test_x.py`) |" in text
    assert str(Path.cwd()) not in text


def test_one_breach_fails_the_proof_and_is_named_with_its_seed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "proof.md"
    assert end_with(monkeypatch, page, [SOUND, flawed()]) == 1
    assert "soak, seed 3: I1 broken" in capsys.readouterr().out.replace("\n", " ")
    assert "soak, seed 3: I1 broken" in page.read_text(encoding="utf-8")


def test_a_part_alone_writes_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    assert end_with(monkeypatch, page, [Tally("soak")], "--only", "soak") == 0
    assert not page.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"invoices": 19_999}, "19,999 invoices, at least 20,000 are due"),
        ({"kills": Counter(dict.fromkeys(POINTS, 1))}, f"{len(POINTS)} kills, at least 500 are due"),
        ({"kills": Counter({"lane.leased": 600, "somewhere": 9})}, "1 points, at least 25 are due"),
    ],
)
def test_a_proof_that_is_too_small_is_none(change: dict[str, object], told: str) -> None:
    small = Tally(**{**vars(SOUND), **change})
    assert [flaw.partition(": ")[2] for flaw in whole.large_enough([small]).flaws] == [told]
    assert whole.large_enough([SOUND]).clean


def test_a_part_that_breaks_down_is_off() -> None:
    ended: Future[Tally] = Future()
    ended.set_exception(RuntimeError("no port is free"))
    tally, shown = whole._result(whole._Task("soak", "soak", lambda: Tally("soak")), ended)  # type: ignore[arg-type]
    assert shown == []
    assert "soak: it broke down" in tally.flaws[0]
    assert "no port is free" in tally.flaws[0]


def test_counts_add_up() -> None:
    both = total("all", [SOUND, flawed()])
    assert (both.scenarios, both.invoices, both.doubled) == (601, 21_010, 1)
    assert sum(both.kills.values()) == 20 * len(POINTS)
    console = Console(record=True, width=120)
    report.show(console, [SOUND, flawed()])
    assert "1 things are off" in console.export_text()
