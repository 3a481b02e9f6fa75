"""The seal over what must not lie in the store in clear."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal
from connector_defs.store.key_file import KeyFileMissing
from connector_defs.store.seal import Seal, make_seal
from connector_tests.store.builders import seal_under

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def given(*keys: str) -> Seal:
    return make_seal(SecretStr(",".join(keys)), Path("no/such/folder/master.key"))


def test_what_was_sealed_can_be_opened_and_not_read() -> None:
    seal = given(NEW)
    sealed = seal.close("name", "Sitzung-ä")
    assert b"Sitzung" not in sealed
    assert seal.open("name", sealed) == "Sitzung-ä"
    assert seal.source == "CONNECTOR_MASTER_KEY"


def test_what_was_sealed_under_one_name_opens_nothing_under_another() -> None:
    seal = given(NEW)
    assert seal.open("credential/A", seal.close("credential/B", "secret")) is None


def test_a_new_key_in_front_seals_and_the_old_one_still_opens() -> None:
    before = given(OLD).close("n", "secret")
    rotated = given(NEW, f" {OLD} ")
    assert rotated.open("n", before) == "secret"
    assert given(NEW).open("n", rotated.close("n", "secret")) == "secret"


@pytest.mark.parametrize(
    "sealed",
    [
        Fernet(OLD).encrypt(b'{"name":"n","value":"secret"}'),
        b"",
        b"no token",
        Fernet(NEW).encrypt(b"secret"),
        Fernet(NEW).encrypt(b'["n"]'),
        Fernet(NEW).encrypt(b'{"name":"n","value":7}'),
        Fernet(NEW).encrypt(b"\xff"),
    ],
    ids=["of another key", "nothing", "no token", "no JSON", "no object", "no text", "no UTF-8"],
)
def test_what_no_key_opens_or_was_not_sealed_by_us_is_none(sealed: bytes) -> None:
    assert given(NEW).open("n", sealed) is None


@pytest.mark.parametrize("between", [",", ", ", "\n", "\r\n", "\n,\n", " "])
def test_keys_may_stand_on_lines_of_their_own(between: str) -> None:
    before = given(OLD).close("n", "secret")
    assert given(f"{NEW}{between}{OLD}\n").open("n", before) == "secret"


@pytest.mark.parametrize(
    "key",
    ["hunter2", " , ", f"{NEW},hunter2", f"{NEW};{OLD}", f"{NEW}{OLD}"],
    ids=["a word", "blanks", "one of two", "otherwise separated", "run together"],
)
def test_a_key_that_is_none_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(
        Fatal, match="CONNECTOR_MASTER_KEY is not a key: it takes 32 url-safe base64 bytes"
    ) as error:
        given(key).check()
    assert "hunter2" not in str(error.value)


def test_a_key_file_without_a_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.touch(mode=0o600)
    with pytest.raises(Fatal, match=r"master.key holds no key"):
        make_seal(None, file).check()


def test_no_key_file_is_made_by_sealing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileMissing):
        make_seal(None, tmp_path / "master.key").close("n", "secret")
    assert list(tmp_path.iterdir()) == []


def test_keys_that_are_replaced_meanwhile_are_used_at_once() -> None:
    keys = [OLD]
    seal = Seal(lambda: ",".join(keys))
    before = seal.close("n", "secret")
    keys.insert(0, NEW)
    assert seal.open("n", before) == "secret"
    assert seal_under(NEW).open("n", seal.close("n", "secret")) == "secret"
