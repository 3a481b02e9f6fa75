"""The catalogue of faults and hostile inputs is whole: each entry is shown by a test that always runs."""

from pathlib import Path

import pytest

from connector_tests.proof import evidence
from connector_tests.proof.catalogue import CATALOGUE


@pytest.mark.parametrize("entry", CATALOGUE)
def test_every_entry_is_shown_by_a_test_of_its_name(entry: str) -> None:
    shown = evidence.by_entry(evidence.named_tests())
    assert shown[entry], f"{entry} ({CATALOGUE[entry]}) is shown by no test: name one test_{entry.lower()}_…"


def test_names_and_markers_are_read_and_what_may_be_skipped_does_not_count(tmp_path: Path) -> None:
    source = """
import pytest

def test_f1_h3_something(): ...

@pytest.mark.covers("F6", "F9")
def test_plain(): ...

class TestGroup:
    @pytest.mark.skip
    def test_h10_later(): ...

def test_from_here(): ...
"""
    found = _read(tmp_path, source)
    assert [(test.path, test.ids, test.skipped) for test in found] == [
        ("test_f1_h3_something", ("F1", "H3"), False),
        ("test_plain", ("F6", "F9"), False),
        ("TestGroup::test_h10_later", ("H10",), True),
    ]
    assert evidence.by_entry(found)["H10"] == []
    assert [test.title for test in evidence.by_entry(found)["F6"]] == ["plain"]


def test_an_entry_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_f99_nothing(): ...", encoding="utf-8")
    monkeypatch.setattr(evidence, "_TESTS", tmp_path)
    with pytest.raises(ValueError, match="covers F99"):
        evidence.named_tests()


def _read(folder: Path, source: str) -> list[evidence.NamedTest]:
    file = folder / "test_sample.py"
    file.write_text(source, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_TESTS", folder)
        return list(evidence._in_file(file))
