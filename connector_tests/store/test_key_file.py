"""The key file: made once, whole at every moment, refused where others could read it."""

import stat
from pathlib import Path

import pytest

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.store.key_file import KeyFile, KeyFileMissing


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    made = KeyFile(tmp_path / "keys" / "master.key")
    made.make("one")
    return made


def test_it_is_readable_by_its_owner_alone_and_nothing_else_is_left(file: KeyFile) -> None:
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [each.name for each in file.path.parent.iterdir()] == ["master.key"]
    assert (file.read(), str(file)) == ("one", str(file.path))


def test_one_that_another_process_made_meanwhile_stays(file: KeyFile) -> None:
    KeyFile(file.path).make("two")
    assert file.read() == "one"


def test_what_is_replaced_is_read_anew_by_everybody(file: KeyFile) -> None:
    other = KeyFile(file.path)
    assert other.read() == "one"
    file.replace("two,one")
    assert (other.read(), file.read()) == ("two,one", "two,one")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_the_part_of_a_process_that_was_killed_is_in_nobodys_way(file: KeyFile) -> None:
    file.path.with_name("master.key.0af3.part").write_text("half a k", encoding="ascii")
    file.replace("two")
    assert file.read() == "two"
    assert [each.name for each in file.path.parent.iterdir()] == ["master.key"]


def test_one_that_does_not_exist_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KeyFileMissing, match="does not exist"):
        KeyFile(tmp_path / "master.key").read()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o601])
def test_one_that_others_may_read_is_refused_with_the_remedy(file: KeyFile, mode: int) -> None:
    file.path.chmod(mode)
    with pytest.raises(Fatal, match=rf"can be read by others \(mode {mode:04o}\): chmod 600 .*master.key"):
        file.read()


def test_one_of_another_user_is_refused_with_the_remedy(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    with pytest.raises(Fatal, match="belongs to another user: chown it"):
        file.read()


def test_one_that_is_no_text_is_refused(file: KeyFile) -> None:
    file.path.write_bytes(b"\xff\xfe")
    with pytest.raises(Fatal, match="holds no key"):
        file.read()


def test_one_that_cannot_be_read_or_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "master.key"
    folder.mkdir()
    with pytest.raises(Fatal, match="cannot be read"):
        KeyFile(folder).read()
    with pytest.raises(Fatal, match=r"cannot be written .* CONNECTOR_MASTER_KEY"):
        KeyFile(tmp_path / "no" / "master.key").replace("one")


def test_one_whose_folder_cannot_be_is_refused_with_the_remedy(file: KeyFile) -> None:
    below = KeyFile(file.path / "master.key")
    with pytest.raises(Fatal, match=r"cannot be written .* CONNECTOR_MASTER_KEY"):
        below.make("one")
    with pytest.raises(Fatal, match="cannot be written"), below.alone():
        pass


def test_a_link_stays_a_link_and_what_it_leads_to_is_made_and_replaced(file: KeyFile, tmp_path: Path) -> None:
    """Others may know the file by its own name, and its folder is the one that is guarded and backed up."""
    link = tmp_path / "link.key"
    link.symlink_to(file.path)
    KeyFile(link).replace("two,one")
    assert (link.is_symlink(), file.read()) == (True, "two,one")
    with file.alone(), pytest.raises(RetryLater), KeyFile(link).alone():
        pass
    file.path.unlink()
    KeyFile(link).make("three")
    assert (link.is_symlink(), file.read()) == (True, "three")


def test_only_one_process_replaces_it_at_a_time(file: KeyFile) -> None:
    with (
        file.alone(),
        pytest.raises(RetryLater, match="another process replaces"),
        KeyFile(file.path).alone(),
    ):
        pass
    with file.alone():
        pass
