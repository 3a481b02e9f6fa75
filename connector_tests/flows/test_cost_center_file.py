"""Cost centres from a CSV file: read as people save them, refused as a whole with every mistake named."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.flows import cost_center_file
from connector_defs.flows.cost_center_file import cost_centers_of_file
from connector_defs.settings import CostCenterSettings
from connector_tests.flows.pair import TODAY, open_pair

PLAIN = "CostCenter,Description\n100,Machining\n110,Press shop\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "centres.csv"


def read(file: Path, content: str | bytes, **chosen: Any) -> list[tuple[str, str]]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return cost_centers_of_file(CostCenterSettings(source="csv", file=file, **chosen))


def mistakes(file: Path, content: str | bytes, **chosen: Any) -> str:
    with pytest.raises(Fatal) as refusal:
        read(file, content, **chosen)
    assert str(file) in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("content", "chosen"),
    [
        pytest.param(PLAIN, {}, id="plain"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode("utf-8-sig"), {}, id="as Excel saves UTF-8"),
        pytest.param(
            "note,description,COSTCENTER\nx,Machining, 100 \n\n,,\ny,Press shop,110\n", {}, id="columns"
        ),
        pytest.param(PLAIN.replace(",", ";"), {"delimiter": ";"}, id="semicolons"),
        pytest.param(
            PLAIN.replace("CostCenter,Description", "Kostenstelle,Name"),
            {"code_column": "Kostenstelle", "name_column": "Name"},
            id="names of its own",
        ),
        pytest.param('CostCenter,Description\n"100",Machining\n110,"Press shop"', {}, id="quotes"),
    ],
)
def test_a_file_is_read_as_people_save_it(file: Path, content: str | bytes, chosen: dict[str, Any]) -> None:
    assert read(file, content, **chosen) == [("100", "Machining"), ("110", "Press shop")]


def test_a_file_in_windows_1252_is_read(file: Path) -> None:
    assert read(file, "CostCenter,Description\n100,Härterei\n".encode("cp1252")) == [("100", "Härterei")]


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("CostCenter,Description\n100,A b\n,C d\n", "line 3 has no CostCenter"),
        ("CostCenter,Description\n100,A b\n100,C d\n", "line 3: CostCenter '100' stands there twice"),
        ("CostCenter,Description\n100\n", "line 2 has 1 cells, the heading has 2"),
        ("Code,Description\n100,A b\n", "the heading has no column CostCenter; it has Code, Description"),
        ("CostCenter,Description\n", "it holds no cost centre"),
        ("", "it holds no cost centre"),
        ('CostCenter,Description\n100,"A b\n', "line 2"),
        (b"CostCenter,Description\n100,\x81\xff\n", "neither UTF-8 nor Windows-1252"),
    ],
)
def test_a_mistake_names_the_file_and_the_line(file: Path, content: str | bytes, mistake: str) -> None:
    assert mistake in mistakes(file, content)


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    told = mistakes(file, "CostCenter,Description\n" + ",x\n" * 12)
    assert told.count("has no CostCenter") == 10
    assert "and 2 more" in told


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(Fatal, match=r"centres\.csv cannot be read"):
        cost_centers_of_file(CostCenterSettings(source="csv", file=file))


def test_the_source_needs_a_file() -> None:
    with pytest.raises(ValueError, match="needs file"):
        CostCenterSettings(source="csv")
    with pytest.raises(Fatal, match=r"set companies\.cost_centers\.file"):
        cost_centers_of_file(CostCenterSettings())


def test_the_file_is_published_and_a_bad_one_changes_nothing(folder: Path, file: Path) -> None:
    file.write_text(PLAIN)
    with open_pair(folder, company={"cost_centers": {"source": "csv", "file": file}}) as pair:
        pair.stage("cost_centers")
        assert pair.publish("costCenters")["costCenters"].confirmed == 2
        held = {record["costCenterCode"] for record in pair.sandbox.basware.in_target["costCenters"].values()}
        assert held == {"100", "110"}
        file.write_text("CostCenter,Description\n100,Machining\n,\n,nobody\n")
        with pytest.raises(Fatal, match="line 4 has no CostCenter"):
            pair.stage("cost_centers")
        staged = pq.read_table(pair.connector.staging.path("cost_centers", "M1", TODAY)).to_pylist()
        assert [row["CostCenter"] for row in staged] == ["100", "110"]
        assert pair.publish("costCenters")["costCenters"].requests == 0


def test_a_file_in_utf_16_is_told_how_to_be_saved(file: Path) -> None:
    assert "save it as `CSV UTF-8`" in mistakes(file, PLAIN.encode("utf-16"))


def test_a_file_beyond_any_company_is_refused_unread(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_center_file, "_MOST_BYTES", 1_000_000)
    assert "larger than 1 MB" in mistakes(file, b"x" * 1_000_001)


def test_a_file_that_is_wrong_throughout_is_not_read_to_its_end(file: Path) -> None:
    told = mistakes(file, "CostCenter,Description\n" + "a\n" * 50_000)
    assert told.count("has 1 cells") == 10
    assert "and 990 more" in told


def test_a_line_without_end_is_named(file: Path) -> None:
    assert "line 2: a row is longer than" in mistakes(file, PLAIN[:23] + "x" * 1_100_000)
