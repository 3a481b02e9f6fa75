"""Where secrets come from: file, then environment, then vault; and the vault as people work with it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal
from connector_defs.flows import webhook_secret
from connector_defs.flows.credentials import (
    Credential,
    Keyring,
    UnknownCredential,
    open_keyring,
    seal_of,
    secret_now,
    settings_in_force,
    storage_settings,
)
from connector_defs.flows.runtime import open_connector
from connector_defs.settings import SettingsError, StorageSettings
from connector_defs.store.vault import KeysDoNotFit
from connector_tests.bare_site import PLAIN, REQUIRED
from connector_tests.flows.pair import LeapingClock


@pytest.fixture
def environ(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings of a site without a single secret."""
    monkeypatch.chdir(folder)
    return {
        **PLAIN,
        "CONNECTOR_STATE_URL": f"sqlite:///{folder}/state.db",
        "CONNECTOR_STAGING_URL": f"{folder}/staging",
    }


@pytest.fixture
def ring(environ: dict[str, str]) -> Iterator[Keyring]:
    with open_keyring(environ=environ, clock=LeapingClock()) as opened:
        yield opened


def put(ring: Keyring, *names: str, value: str = "from the vault") -> None:
    for name in names:
        ring.put(name, SecretStr(value), "ann")


def found(ring: Keyring, name: str) -> Credential:
    return next(each for each in ring.credentials() if each.name == name)


class TestOrder:
    """connector.toml, then the environment, then the vault."""

    def test_secrets_may_come_from_the_vault_alone(self, ring: Keyring, environ: dict[str, str]) -> None:
        put(ring, *REQUIRED, "BASWARE_WEBHOOK_SECRET", "SYSPRO_COMPANY_PASSWORD")
        settings = settings_in_force(environ=environ)
        secret = SecretStr("from the vault")
        assert settings.basware.client_secret == settings.basware.webhook_secret == secret
        assert settings.syspro.odata_password == secret
        assert settings.companies[0].operator_password == settings.companies[0].company_password == secret
        assert settings.basware.webhook_secret_previous is None
        with open_connector(settings) as connector:
            assert connector.vault.get("BASWARE_CLIENT_SECRET") == secret

    def test_the_environment_goes_before_the_vault(self, ring: Keyring, environ: dict[str, str]) -> None:
        put(ring, *REQUIRED)
        settings = settings_in_force(environ={**environ, "BASWARE_CLIENT_SECRET": "from outside"})
        assert settings.basware.client_secret.get_secret_value() == "from outside"
        assert settings.syspro.odata_password.get_secret_value() == "from the vault"

    def test_the_file_goes_before_the_vault(
        self, ring: Keyring, environ: dict[str, str], folder: Path
    ) -> None:
        put(ring, *REQUIRED)
        (folder / "connector.toml").write_text("[syspro]\nodata_password = 'from the file'\n")
        settings = settings_in_force(environ=environ)
        assert settings.syspro.odata_password.get_secret_value() == "from the file"

    def test_an_empty_value_in_the_file_is_none(
        self, ring: Keyring, environ: dict[str, str], folder: Path
    ) -> None:
        put(ring, "SYSPRO_ODATA_PASSWORD", "SYSPRO_OPERATOR_PASSWORD")
        (folder / "connector.toml").write_text(
            "[syspro]\nodata_password = ''\n[basware]\nclient_secret = ''\n"
            "[[companies]]\noperator_password = ''\ncompany_password = ''\n"
        )
        assert found(ring, "SYSPRO_ODATA_PASSWORD").source == "vault"
        with pytest.raises(SettingsError) as error:
            settings_in_force(environ=environ)
        (problem,) = error.value.problems
        assert problem.startswith("basware.client_secret is missing")
        put(ring, "BASWARE_CLIENT_SECRET")
        company = settings_in_force(environ=environ).companies[0]
        assert company.operator_password.get_secret_value() == "from the vault"
        assert company.company_password.get_secret_value() == ""

    def test_an_empty_webhook_secret_in_the_file_keeps_none_from_being_made(
        self, environ: dict[str, str], folder: Path
    ) -> None:
        settings = settings_in_force(environ={**environ, **dict.fromkeys(REQUIRED, "x")})
        (folder / "connector.toml").write_text("[basware]\nwebhook_secret = ''\n")
        with open_connector(settings) as connector:
            assert not webhook_secret.known(connector).set_outside

    def test_further_companies_and_operators_have_theirs(
        self, ring: Keyring, environ: dict[str, str], folder: Path
    ) -> None:
        (folder / "connector.toml").write_text(
            "[[companies]]\nsyspro_company = 'M1'\nextra_operators = [{ operator = 'INTEG2' }]\n"
            "[[companies]]\nsyspro_company = 'M2'\nbasware_company = '2000'\noperator = 'TWO'\n"
        )
        put(ring, *REQUIRED)
        put(ring, "SYSPRO_OPERATOR_PASSWORD/M2", value="of M2")
        put(ring, "SYSPRO_OPERATOR_PASSWORD/M1/INTEG2", value="of INTEG2")
        first, second = settings_in_force(environ=environ).companies
        assert first.operator_password.get_secret_value() == "from the vault"
        assert first.extra_operators[0].operator_password.get_secret_value() == "of INTEG2"
        assert second.operator_password.get_secret_value() == "of M2"
        assert second.company_password.get_secret_value() == ""

    def test_what_nobody_has_is_named_with_both_remedies(self, environ: dict[str, str]) -> None:
        with pytest.raises(SettingsError) as error:
            settings_in_force(environ=environ)
        assert len(error.value.problems) == len(REQUIRED)
        for name in REQUIRED:
            assert f"set {name} or" in str(error.value)
            assert f"connector credentials set {name}" in str(error.value)

    def test_no_store_and_no_key_is_made_by_looking(self, environ: dict[str, str], folder: Path) -> None:
        with pytest.raises(SettingsError):
            settings_in_force(
                environ={**environ, "CONNECTOR_STATE_URL": f"sqlite:///{folder}/elsewhere/state.db"}
            )
        assert not (folder / "elsewhere").exists()
        assert not (folder / "master.key").exists()

    def test_a_mistake_in_the_storage_is_told_with_all_others(
        self, environ: dict[str, str], folder: Path
    ) -> None:
        (folder / "connector.toml").write_text("[storage]\nstate = 'x'\n")
        with pytest.raises(SettingsError) as error:
            settings_in_force(environ=environ)
        assert any("storage.state is not a known setting" in problem for problem in error.value.problems)
        assert len(error.value.problems) == 1 + len(REQUIRED)

    def test_a_vault_that_no_key_opens_is_told_and_not_passed_over(
        self, ring: Keyring, environ: dict[str, str]
    ) -> None:
        put(ring, *REQUIRED)
        other = Fernet.generate_key().decode()
        with pytest.raises(KeysDoNotFit, match="no key of CONNECTOR_MASTER_KEY opens"):
            settings_in_force(environ={**environ, "CONNECTOR_MASTER_KEY": other})

    def test_a_value_changed_in_the_vault_is_in_force_at_the_next_look(
        self, ring: Keyring, environ: dict[str, str]
    ) -> None:
        put(ring, *REQUIRED)
        settings_in_force(environ=environ)
        put(ring, "SYSPRO_ODATA_PASSWORD", value="changed")
        assert settings_in_force(environ=environ).syspro.odata_password.get_secret_value() == "changed"

    def test_the_storage_is_known_whatever_else_is_missing(self, environ: dict[str, str]) -> None:
        assert storage_settings(environ=environ).state_url == environ["CONNECTOR_STATE_URL"]
        Path("connector.toml").write_text("storage = 1\n", encoding="utf-8")
        with pytest.raises(SettingsError, match="storage is wrong"):
            storage_settings(environ={})


class TestKeyFile:
    """Where the key lies: where it is said to, else beside the staging folder."""

    def test_it_lies_beside_the_staging_folder(self, ring: Keyring, folder: Path) -> None:
        put(ring, "BASWARE_CLIENT_SECRET")
        assert (folder / "master.key").exists()

    def test_it_lies_where_it_is_said_to(self, environ: dict[str, str], folder: Path) -> None:
        environ["CONNECTOR_MASTER_KEY_FILE"] = f"{folder}/keys/my.key"
        with open_keyring(environ=environ) as ring:
            put(ring, "BASWARE_CLIENT_SECRET")
        assert (folder / "keys" / "my.key").exists()
        assert not (folder / "master.key").exists()

    def test_a_key_that_is_given_goes_before_a_file(self, folder: Path) -> None:
        given = StorageSettings(master_key=SecretStr("k"), master_key_file=folder / "my.key")
        assert seal_of(given).source == "CONNECTOR_MASTER_KEY"


class TestKeyring:
    """Known names only, no value shown, and where each value in force comes from."""

    def test_a_name_that_no_setting_has_is_refused_with_the_one_that_was_meant(self, ring: Keyring) -> None:
        with pytest.raises(UnknownCredential, match="did you mean BASWARE_CLIENT_SECRET"):
            put(ring, "BASWARE_CLIENT_SECERT")
        with pytest.raises(
            UnknownCredential, match=r"not a known credential: Known are BASWARE_CLIENT_SECRET"
        ):
            put(ring, "X")

    @pytest.mark.parametrize(
        ("value", "flaw"),
        [
            ("", "is empty"),
            ("two\nlines", "line break"),
            ("tab\t", "control character"),
            ("\x7f", "control character"),
            ("geh\udcffeim", "no text"),
            ("x" * 4097, "4096"),
        ],
    )
    def test_a_value_that_no_system_could_take_is_refused_without_showing_it(
        self, ring: Keyring, value: str, flaw: str
    ) -> None:
        with pytest.raises(Fatal, match=flaw) as error:
            put(ring, "BASWARE_CLIENT_SECRET", value=value)
        assert not value or value not in str(error.value)

    def test_every_credential_is_listed_with_its_source(self, environ: dict[str, str], folder: Path) -> None:
        (folder / "connector.toml").write_text("[syspro]\nodata_password = 'x'\n")
        environ["BASWARE_CLIENT_SECRET"] = "y"
        with open_keyring(environ=environ) as ring:
            put(ring, "SYSPRO_OPERATOR_PASSWORD")
            assert {each.name: each.source for each in ring.credentials()} == {
                "BASWARE_CLIENT_SECRET": "environment",
                "BASWARE_WEBHOOK_SECRET": "",
                "BASWARE_WEBHOOK_SECRET_PREVIOUS": "",
                "SYSPRO_ODATA_PASSWORD": "connector.toml",
                "SYSPRO_OPERATOR_PASSWORD": "vault",
                "SYSPRO_COMPANY_PASSWORD": "",
            }

    def test_a_variable_over_a_value_of_the_file_is_the_source(
        self, environ: dict[str, str], folder: Path
    ) -> None:
        (folder / "connector.toml").write_text("[syspro]\nodata_password = 'x'\n")
        environ["SYSPRO_ODATA_PASSWORD"] = "y"
        with open_keyring(environ=environ) as ring:
            assert found(ring, "SYSPRO_ODATA_PASSWORD").source == "environment"

    @pytest.mark.parametrize(("value", "differs"), [("from the vault", False), ("another", True)])
    def test_it_says_whether_the_value_in_force_is_the_vaults(
        self, environ: dict[str, str], value: str, differs: bool
    ) -> None:
        environ["BASWARE_CLIENT_SECRET"] = value
        with open_keyring(environ=environ) as ring:
            put(ring, "BASWARE_CLIENT_SECRET")
            told = found(ring, "BASWARE_CLIENT_SECRET")
        assert (told.source, told.in_vault, told.differs) == ("environment", True, differs)

    def test_age_and_author_are_told(self, environ: dict[str, str]) -> None:
        clock = LeapingClock()
        with open_keyring(environ=environ, clock=clock) as ring:
            put(ring, "BASWARE_CLIENT_SECRET")
            clock.wait(3 * 24 * 3600)
            told = found(ring, "BASWARE_CLIENT_SECRET")
        assert (told.age_days, told.changed_by, len(told.fingerprint)) == (3, "ann", 12)

    def test_what_no_setting_knows_any_more_is_listed_and_can_be_removed(
        self, environ: dict[str, str], folder: Path
    ) -> None:
        file = folder / "connector.toml"
        file.write_text("[[companies]]\nsyspro_company='M1'\n[[companies]]\nsyspro_company='M2'\n")
        with open_keyring(environ=environ) as ring:
            put(ring, "SYSPRO_OPERATOR_PASSWORD/M2")
            file.unlink()
            told = found(ring, "SYSPRO_OPERATOR_PASSWORD/M2")
            assert (told.known, told.source) == (False, "")
            assert ring.remove("SYSPRO_OPERATOR_PASSWORD/M2", "ann")
            assert not ring.remove("SYSPRO_OPERATOR_PASSWORD/M2", "ann")

    def test_it_seals_anew_and_discards(self, ring: Keyring) -> None:
        put(ring, "BASWARE_CLIENT_SECRET")
        assert ring.rotate("ann").credentials == 1
        assert ring.discard("ann") == []


class TestNow:
    """A process that lives on sees what was changed in the vault."""

    NAME = "BASWARE_WEBHOOK_SECRET"

    def now(self, ring_environ: Mapping[str, str], **more: str) -> str | None:
        settings = settings_in_force(environ={**ring_environ, **dict.fromkeys(REQUIRED, "x")})
        with open_connector(settings) as connector:
            with open_keyring(environ=ring_environ) as ring:
                put(ring, self.NAME, value="changed since")
            value = secret_now(settings, connector.vault, self.NAME, {**ring_environ, **more})
        return None if value is None else value.get_secret_value()

    def test_the_vault_is_asked_anew(self, ring: Keyring, environ: dict[str, str]) -> None:
        put(ring, self.NAME, value="at the start")
        assert self.now(environ) == "changed since"

    def test_the_environment_goes_before_it(self, environ: dict[str, str]) -> None:
        assert self.now(environ, **{self.NAME: "from outside"}) == "from outside"

    def test_what_neither_has_is_as_it_was_at_the_start(self, environ: dict[str, str]) -> None:
        given = {**environ, **dict.fromkeys(REQUIRED, "x")}
        settings = settings_in_force(environ={**given, self.NAME: "at the start"})
        with open_connector(settings) as connector:
            at_start = secret_now(settings, connector.vault, self.NAME, given)
            assert at_start == SecretStr("at the start")
            assert secret_now(settings, connector.vault, f"{self.NAME}_PREVIOUS", given) is None
            first = secret_now(settings, connector.vault, "SYSPRO_OPERATOR_PASSWORD", environ)
            assert first == SecretStr("x")
