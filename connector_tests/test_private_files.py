"""What the connector makes is its owner's alone, whatever the machine's habits are; what was there stays as it is."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector_defs import private_files
from connector_defs.private_files import (
    create,
    is_open_to_others,
    make_file,
    make_folder,
    scratch_folder,
    write_private,
)


@pytest.fixture(autouse=True)
def _careless_machine() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_folder_and_all_that_were_missing_above_it_are_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")
    assert [mode(tmp_path / name) for name in ("", "a", "a/b", "a/b/c")] == [0o755, 0o700, 0o700, 0o700]


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_way_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_folder(tmp_path / name)


def test_files_are_private(tmp_path: Path) -> None:
    os.close(create(tmp_path / "a"))
    make_file(tmp_path / "b")
    write_private(tmp_path / "new" / "c", "text")
    assert {mode(tmp_path / name) for name in ("a", "b", "new/c")} == {0o600}
    assert (tmp_path / "new" / "c").read_text() == "text"


def test_what_was_there_keeps_its_mode_and_where_it_is_only_needed_its_content(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("kept")
    old.chmod(0o644)
    make_file(old)
    assert (mode(old), old.read_text()) == (0o644, "kept")


def test_the_folder_for_temporary_files_is_this_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = scratch_folder("scratch")
    assert made == scratch_folder("scratch") == tmp_path / f"scratch-{os.getuid()}"
    assert mode(made) == 0o700


@pytest.mark.parametrize("trap", ["wide", "link", "file", "foreign"])
def test_a_folder_that_somebody_prepared_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = tmp_path / f"scratch-{os.getuid()}"
    if trap == "wide":
        path.mkdir(mode=0o777)
    elif trap == "link":
        (tmp_path / "theirs").mkdir()
        path.symlink_to(tmp_path / "theirs")
    elif trap == "file":
        path.touch()
    else:
        monkeypatch.setattr(private_files.os, "getuid", lambda: -1)
        (tmp_path / "scratch--1").mkdir(mode=0o700)
    made = scratch_folder("scratch")
    assert made.name.startswith("scratch-")
    assert made not in (path, tmp_path / "scratch--1")
    assert mode(made) == 0o700


def test_a_link_is_as_open_as_what_it_leads_to(tmp_path: Path) -> None:
    for name, bits in (("private", 0o700), ("wide", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(bits)
        (tmp_path / f"to {name}").symlink_to(tmp_path / name)
    (tmp_path / "to nothing").symlink_to(tmp_path / "nothing")
    told = [is_open_to_others(tmp_path / f"to {name}") for name in ("private", "wide", "nothing")]
    assert told == [False, True, False]


def test_whether_others_may_use_it(tmp_path: Path) -> None:
    for name, bits in (("private", 0o600), ("group", 0o640), ("others", 0o604)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(bits)
    assert [is_open_to_others(tmp_path / name) for name in ("private", "group", "others", "nothing")] == [
        False,
        True,
        True,
        False,
    ]
