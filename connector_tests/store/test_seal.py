"""The seal over what must not lie in the store in clear."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal
from connector_defs.store.seal import make_seal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def keys(*some: str) -> SecretStr:
    return SecretStr(",".join(some))


def test_what_was_sealed_can_be_opened_and_not_read(tmp_path: Path) -> None:
    seal = make_seal(keys(NEW), tmp_path / "master.key")
    sealed = seal.close("Sitzung-ä")
    assert b"Sitzung" not in sealed
    assert seal.open(sealed) == "Sitzung-ä"
    assert not (tmp_path / "master.key").exists()


def test_without_a_key_one_is_made_that_only_its_owner_can_read(tmp_path: Path) -> None:
    file = tmp_path / "new" / "master.key"
    sealed = make_seal(None, file).close("secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert make_seal(None, file).open(sealed) == "secret"


def test_a_new_key_in_front_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    before = make_seal(keys(OLD), tmp_path / "k").close("secret")
    rotated = make_seal(keys(NEW, f" {OLD} "), tmp_path / "k")
    assert rotated.open(before) == "secret"
    assert make_seal(keys(NEW), tmp_path / "k").open(rotated.close("secret")) == "secret"


@pytest.mark.parametrize(
    "sealed",
    [Fernet(OLD).encrypt(b"secret"), b"", b"no token"],
    ids=["of another key", "nothing", "no token"],
)
def test_what_no_key_opens_is_none(tmp_path: Path, sealed: bytes) -> None:
    assert make_seal(keys(NEW), tmp_path / "k").open(sealed) is None


@pytest.mark.parametrize("key", ["hunter2", " , ", f"{NEW},hunter2"], ids=["a word", "blanks", "one of two"])
def test_a_key_that_is_none_is_refused_and_not_told(tmp_path: Path, key: str) -> None:
    with pytest.raises(
        Fatal, match="CONNECTOR_MASTER_KEY is not a key: it takes 32 url-safe base64 bytes"
    ) as error:
        make_seal(SecretStr(key), tmp_path / "k")
    assert "hunter2" not in str(error.value)


def test_a_key_file_without_a_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.touch()
    with pytest.raises(Fatal, match=r"master.key holds no key"):
        make_seal(None, file)
