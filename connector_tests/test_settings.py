"""Settings: from the file, then the environment; what is missing or wrong is named with its remedy."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal
from connector_defs.domain.ledger_sections import GlSection
from connector_defs.settings import (
    DEFAULT_CURRENCIES,
    CompanySettings,
    CostCenterSettings,
    Settings,
    SettingsError,
)
from connector_defs.settings_reading import ENVIRONMENT, load_settings

SECRET = "hunter2-geheim"
COMPLETE = {
    "SYSPRO_ENET_URL": "http://syspro:30000/SYSPROWCFService/Rest",
    "SYSPRO_ODATA_URL": "http://syspro:30200/odata",
    "SYSPRO_ODATA_USERNAME": "reader",
    "SYSPRO_ODATA_PASSWORD": SECRET,
    "SYSPRO_OPERATOR": "INTEG",
    "SYSPRO_OPERATOR_PASSWORD": SECRET,
    "SYSPRO_COMPANY_ID": "M1",
    "BASWARE_COMPANY_CODE": "1000",
    "BASWARE_REGION": "EU",
    "BASWARE_CLIENT_ID": "client",
    "BASWARE_CLIENT_SECRET": SECRET,
}
# Every variable that the documentation promises, with a value it takes and what it becomes.
TAKEN: dict[str, tuple[str, object]] = {
    "SYSPRO_ENET_URL": ("https://erp:1/Rest/", "https://erp:1/Rest"),
    "SYSPRO_ODATA_URL": ("https://erp:2/odata/", "https://erp:2/odata"),
    "SYSPRO_ODATA_USERNAME": ("someone", "someone"),
    "SYSPRO_ODATA_PASSWORD": ("new", SecretStr("new")),
    "SYSPRO_CA_FILE": ("/etc/ca.pem", Path("/etc/ca.pem")),
    "SYSPRO_ALLOW_PLAIN_HTTP": ("true", True),
    "SYSPRO_OPERATOR": ("OTHER", "OTHER"),
    "SYSPRO_OPERATOR_PASSWORD": ("new", SecretStr("new")),
    "SYSPRO_COMPANY_ID": ("07", "07"),
    "SYSPRO_COMPANY_PASSWORD": ("new", SecretStr("new")),
    "BASWARE_COMPANY_CODE": ("2000", "2000"),
    "BASWARE_REGION": ("AU", "AU"),
    "BASWARE_API_URL": ("https://test-api.basware.com", "https://test-api.basware.com"),
    "BASWARE_TOKEN_URL": ("https://test-api.basware.com/tokens", "https://test-api.basware.com/tokens"),
    "BASWARE_CLIENT_ID": ("another", "another"),
    "BASWARE_CLIENT_SECRET": ("new", SecretStr("new")),
    "BASWARE_WEBHOOK_SECRET": ("new", SecretStr("new")),
    "BASWARE_WEBHOOK_SECRET_PREVIOUS": ("new", SecretStr("new")),
    "CONNECTOR_STATE_URL": ("postgresql://h/db", "postgresql://h/db"),
    "CONNECTOR_STAGING_URL": ("/data/staging", "/data/staging"),
    "CONNECTOR_MASTER_KEY": ("new", SecretStr("new")),
    "CONNECTOR_MASTER_KEY_FILE": ("/keys/master.key", Path("/keys/master.key")),
    "CONNECTOR_HTTP_TIMEOUT_SECONDS": ("1.5", 1.5),
    "CONNECTOR_RETRY_BASE_SECONDS": ("0", 0.0),
    "CONNECTOR_RETRY_MAX_SECONDS": ("7", 7.0),
    "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": ("0.2", 0.2),
    "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": ("0.05", 0.05),
}
FILE = """
[syspro]
enet_url = "http://file:30000/Rest"
odata_url = "http://file:30200/odata"
odata_username = "from-file"
odata_password = "file-secret"
[basware]
region = "EU"
client_id = "from-file"
client_secret = "file-secret"
[[companies]]
syspro_company = "M1"
basware_company = "1000"
operator = "ONE"
operator_password = "file-secret"
[[companies]]
syspro_company = "M2"
basware_company = "2000"
operator = "TWO"
operator_password = "file-secret"
organization_element = "ORG2"
[posting]
rounding_tolerance = "0.05"
rounding_account = "90-9999"
[currencies]
"$" = "AUD"
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def with_file(path: Path, text: str, environ: Mapping[str, str] = COMPLETE) -> Settings:
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ)


def problems(environ: Mapping[str, str], path: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load_settings(path, environ)
    assert SECRET not in str(error.value)
    assert all(problem in str(error.value) for problem in error.value.problems)
    return error.value.problems


def value_at(settings: Settings, place: tuple[str, ...]) -> Any:
    section, key = place
    return getattr(settings.companies[0] if section == "companies" else getattr(settings, section), key)


class TestEnvironment:
    """With the environment alone one company pair runs."""

    def test_the_required_variables_are_enough(self) -> None:
        settings = load_settings(environ=COMPLETE)
        (company,) = settings.companies
        assert (company.syspro_company, company.basware_company, company.organization) == (
            "M1",
            "1000",
            "1000",
        )
        assert settings.storage.state_url == "sqlite:///data/state.db"
        assert settings.storage.staging_url == "data/staging"
        assert settings.posting.rounding_tolerance == Decimal("0.01")
        assert settings.currencies == DEFAULT_CURRENCIES
        assert settings.basware.api_url is None

    def test_no_variable_is_forgotten_here(self) -> None:
        assert set(TAKEN) == set(ENVIRONMENT)

    @pytest.mark.parametrize("variable", TAKEN)
    def test_every_variable_sets_its_field(self, variable: str) -> None:
        text, value = TAKEN[variable]
        settings = load_settings(environ={**COMPLETE, variable: text})
        assert value_at(settings, ENVIRONMENT[variable]) == value

    @pytest.mark.parametrize("variable", TAKEN)
    def test_an_empty_variable_counts_as_not_set(self, variable: str) -> None:
        environ = {**COMPLETE, variable: ""}
        if variable in COMPLETE:
            assert any(variable in problem for problem in problems(environ))
        else:
            assert load_settings(environ=environ) == load_settings(environ=COMPLETE)

    def test_the_process_environment_is_read_where_none_is_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in ENVIRONMENT:
            monkeypatch.delenv(variable, raising=False)
        for variable, value in COMPLETE.items():
            monkeypatch.setenv(variable, value)
        assert load_settings() == load_settings(environ=COMPLETE)


class TestFile:
    """The file holds everything; a variable wins over it."""

    def test_it_is_read_from_where_it_is_said_to_be(self, file: Path) -> None:
        settings = load_settings(file, {})
        assert settings.syspro.odata_username == "from-file"
        assert settings.posting.rounding_account == "90-9999"
        assert settings.posting.rounding_tolerance == Decimal("0.05")
        assert settings.currencies == {"$": "AUD"}
        assert load_settings(environ={"CONNECTOR_CONFIG": str(file)}) == settings
        file.rename(file.with_name("connector.toml"))
        assert load_settings(environ={}) == settings

    def test_the_place_given_goes_before_the_one_in_the_environment(self, file: Path, tmp_path: Path) -> None:
        environ = {"CONNECTOR_CONFIG": str(tmp_path / "nowhere.toml")}
        assert load_settings(file, environ).syspro.odata_username == "from-file"

    def test_several_companies_are_kept_in_order_and_found_by_either_name(self, file: Path) -> None:
        settings = load_settings(file, {})
        assert [company.operator for company in settings.companies] == ["ONE", "TWO"]
        assert settings.company("M2") is settings.company("2000") is settings.companies[1]
        assert [company.organization for company in settings.companies] == ["1000", "ORG2"]

    def test_an_unknown_company_is_told_with_those_that_are_known(self, file: Path) -> None:
        settings = load_settings(file, {})
        with pytest.raises(SettingsError, match=r"company 'M3' is not configured; .*: M1/1000, M2/2000"):
            settings.company("M3")

    def test_a_variable_wins_and_touches_the_first_company_alone(self, file: Path) -> None:
        settings = load_settings(file, {"SYSPRO_OPERATOR": "ENV", "BASWARE_CLIENT_ID": "env"})
        assert [company.operator for company in settings.companies] == ["ENV", "TWO"]
        assert (settings.basware.client_id, settings.basware.region) == ("env", "EU")

    def test_secrets_may_come_from_the_environment_alone(self, tmp_path: Path) -> None:
        text = "\n".join(line for line in FILE.splitlines() if "file-secret" not in line or "TWO" in line)
        text = text.replace('operator = "TWO"', 'operator = "TWO"\noperator_password = "two"')
        environ = {name: SECRET for name in COMPLETE if COMPLETE[name] == SECRET}
        settings = with_file(tmp_path / "c.toml", text, environ)
        assert settings.companies[0].operator_password.get_secret_value() == SECRET
        assert settings.companies[1].operator_password.get_secret_value() == "two"


class TestProblems:
    """Each is named with the variable, the key and what to do."""

    @pytest.mark.parametrize("variable", COMPLETE)
    def test_a_missing_setting_is_named_with_its_variable_and_key(self, variable: str) -> None:
        (problem,) = problems({name: value for name, value in COMPLETE.items() if name != variable})
        section, key = ENVIRONMENT[variable]
        where = f"companies.0.{key}" if section == "companies" else f"{section}.{key}"
        told = f"{where} is missing: set {variable} or `{where}` in connector.toml"
        vault = f", or keep it in the vault: connector credentials set {variable}"
        assert problem == (told + vault if COMPLETE[variable] == SECRET else told)

    def test_a_password_of_a_further_company_is_named_as_the_vault_knows_it(self, tmp_path: Path) -> None:
        path = tmp_path / "c.toml"
        text = FILE.replace('operator = "TWO"\noperator_password = "file-secret"', 'operator = "TWO"')
        path.write_text(text, encoding="utf-8")
        where = "companies.1.operator_password"
        assert problems({}, path) == [
            f"{where} is missing: set `{where}` in connector.toml, or keep it in the vault: "
            "connector credentials set SYSPRO_OPERATOR_PASSWORD/M2"
        ]

    def test_where_nothing_is_set_each_table_is_named_with_all_its_variables(self) -> None:
        found = problems({})
        assert [problem.split(" ")[0] for problem in found] == ["[syspro]", "[basware]", "[companies]"]
        assert all("connector init" in problem for problem in found)
        named = {variable for variable in ENVIRONMENT if any(variable in problem for problem in found)}
        assert set(COMPLETE) <= named

    @pytest.mark.parametrize(
        ("variable", "value", "told"),
        [
            ("BASWARE_REGION", "MARS", "Input should be 'EU', 'US', 'AU', 'CA' or 'SANDBOX'"),
            ("SYSPRO_ENET_URL", "syspro:30000", "must start with http:// or https://"),
            ("SYSPRO_ODATA_URL", "ftp://syspro", "must start with http:// or https://"),
            ("SYSPRO_COMPANY_ID", "m 1", "should match pattern"),
            ("SYSPRO_COMPANY_ID", "ABCDEFGHIJK", "should match pattern"),
            ("BASWARE_COMPANY_CODE", "x" * 26, "at most 25 characters"),
            ("CONNECTOR_HTTP_TIMEOUT_SECONDS", "soon", "valid number"),
            ("CONNECTOR_HTTP_TIMEOUT_SECONDS", "0", "greater than 0"),
            ("CONNECTOR_RETRY_BASE_SECONDS", "-1", "greater than or equal to 0"),
            ("CONNECTOR_RETRY_MAX_SECONDS", "-1", "greater than or equal to 0"),
            ("CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS", "-1", "greater than or equal to 0"),
            ("CONNECTOR_REQUEST_STATUS_POLL_SECONDS", "0", "greater than 0"),
        ],
    )
    def test_a_wrong_setting_is_named_with_what_is_wrong(self, variable: str, value: str, told: str) -> None:
        (problem,) = problems({**COMPLETE, variable: value})
        assert told in problem
        assert f"set {variable} or `" in problem

    def test_all_problems_are_told_at_once(self) -> None:
        found = problems(
            {**COMPLETE, "BASWARE_REGION": "MARS", "SYSPRO_COMPANY_ID": "?", "SYSPRO_OPERATOR": ""}
        )
        assert len(found) == 3

    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("colour = 1", "colour"),
            ("[basware]\nregoin = 'EU'", "basware.regoin"),
            ("[timing]\nhttp_timeout = 3", "timing.http_timeout"),
            ("[[companies]]\noperater = 'X'", "companies.0.operater"),
            ("[[companies]]\n[companies.cost_centers]\nsauce = 'auto'", "companies.0.cost_centers.sauce"),
        ],
    )
    def test_an_unknown_key_is_refused_and_named(self, tmp_path: Path, text: str, where: str) -> None:
        path = tmp_path / "c.toml"
        path.write_text(text, encoding="utf-8")
        assert problems(COMPLETE, path) == [
            f"{where} is not a known setting: see connector.example.toml for the names"
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "[posting]\nrounding_tolerance = 2",
            "[posting]\nbatch_size = 51",
            "[posting]\nmax_attempts = 0",
            "[posting]\nposting_period = 'X'",
            "[schedules]\nhour = 24",
            "[schedules]\nweekday = 7",
            "[basware]\nmax_parallel = 21",
            "[basware]\nsource_system = ''",
            "[timing]\nlinger_seconds = -1",
            "[payments]\noverlap_days = -1",
            "[orders]\noverlap_days = 367",
            "[schedules]\nmaster_data = 'hourly'",
            "[schedules]\npayments = '0 25 * * *'",
            "[schedules.entities]\nvendors = 'daily'",
            "[schedules.entities]\nsuppliers = '0 3 * * 1'",
            "[payments]\nmethods = { M = '' }",
            "[payments]\npaying_types = ['P', 'A']",
            "[webhook]\nencoding = 'rot13'",
            "[webhook]\nheader = 'x signature'",
            "[webhook]\nrefused_per_minute = 0",
            "[webhook]\ntrusted_proxies = ['10.0.0.300']",
            "[webhook]\ntrusted_proxies = ['10.0.0.1/8']",
            "companies = ['M1']",
            "companies = []",
            "companies = 1",
            "syspro = 'x'",
            "[companies]\noperator = 'X'",
        ],
    )
    def test_a_value_out_of_bounds_or_of_another_shape_is_named(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "c.toml"
        path.write_text(text, encoding="utf-8")
        key = text.replace("[", " ").replace("]", " ").split()[0]
        assert any(problem.startswith(key) for problem in problems(COMPLETE, path))

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (
                ('syspro_company = "M2"', 'syspro_company = "M1"'),
                "syspro_company M1 stands in more than one pair",
            ),
            (
                ('basware_company = "2000"', 'basware_company = "1000"'),
                "basware_company 1000 stands in more than",
            ),
        ],
    )
    def test_a_company_in_two_pairs_is_refused(
        self, tmp_path: Path, change: tuple[str, str], told: str
    ) -> None:
        path = tmp_path / "c.toml"
        path.write_text(FILE.replace(*change), encoding="utf-8")
        (problem,) = problems({}, path)
        assert problem.startswith(f"companies: {told}")

    def test_a_file_that_does_not_exist_is_named_with_the_remedy(self, tmp_path: Path) -> None:
        missing = tmp_path / "nowhere.toml"
        for found in (problems({}, missing), problems({"CONNECTOR_CONFIG": str(missing)})):
            assert found == [
                f"settings file {missing} does not exist: make one with `connector init`, or correct CONNECTOR_CONFIG"
            ]

    @pytest.mark.parametrize(
        "content",
        [
            b"[syspro\n",
            b"a = 'hunter2-geheim\n",
            b"\xff\xfe",
            b"\xef\xbb\xbfa = 1\n",
            b"a = 1\na = 2\n",
            b"a = " + b"[" * 10_000,
            b"a = " + b"9" * 5_000,
        ],
    )
    def test_a_file_that_is_no_toml_is_named(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "c.toml"
        path.write_bytes(content)
        (problem,) = problems(COMPLETE, path)
        assert problem.startswith(f"settings file {path} is not valid TOML: ")

    def test_a_file_beyond_all_settings_is_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "c.toml"
        path.write_bytes(b"#" * 1_000_001)
        (problem,) = problems(COMPLETE, path)
        assert problem == f"settings file {path} is larger than 1000000 bytes: it is no connector.toml"

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        (problem,) = problems(COMPLETE, tmp_path)
        assert problem == f"settings file {tmp_path} cannot be read: Is a directory"

    def test_settings_are_never_worth_a_retry(self) -> None:
        assert issubclass(SettingsError, Fatal)


class TestSecrets:
    """No secret in any text that could be shown (I8)."""

    def test_no_secret_is_in_the_texts_of_the_settings(self) -> None:
        secrets = {name: SECRET for name, (_, value) in TAKEN.items() if isinstance(value, SecretStr)}
        assert len(secrets) == 7
        url = f"postgresql://connector:{SECRET}@host/state"
        settings = load_settings(environ={**COMPLETE, **secrets, "CONNECTOR_STATE_URL": url})
        assert settings.storage.state_url == url
        for part in (settings, settings.storage, settings.syspro, settings.basware, settings.companies):
            assert SECRET not in repr(part)
            assert SECRET not in str(part)

    @pytest.mark.parametrize("wrong", ["SYSPRO_COMPANY_ID", "BASWARE_REGION", "SYSPRO_ENET_URL"])
    def test_no_wrong_value_is_quoted_since_it_may_be_a_secret_in_the_wrong_place(self, wrong: str) -> None:
        problems({**COMPLETE, wrong: SECRET})

    @pytest.mark.parametrize("secret", ["[1]", "{ a = 'hunter2-geheim' }", "['hunter2-geheim']"])
    def test_a_secret_of_another_shape_is_not_quoted(self, tmp_path: Path, secret: str) -> None:
        path = tmp_path / "c.toml"
        path.write_text(f"[storage]\nmaster_key = {secret}", encoding="utf-8")
        (problem,) = problems(COMPLETE, path)
        assert "CONNECTOR_MASTER_KEY" in problem


def test_settings_cannot_be_changed_after_they_are_read() -> None:
    settings = load_settings(environ=COMPLETE)
    with pytest.raises(ValueError, match="frozen"):
        settings.companies[0].operator = "OTHER"  # type: ignore[misc]


def test_the_password_of_a_company_is_often_empty() -> None:
    company = load_settings(environ=COMPLETE).companies[0]
    assert isinstance(company, CompanySettings)
    assert company.company_password.get_secret_value() == ""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[currencies]\nX = 'Rand'", "currencies.X is wrong"),
        ("[countries]\nOHI = 'Ohio'", "countries.OHI is wrong"),
        ("[units]\nEA = ''", "units.EA is wrong"),
        ("[[companies]]\ncost_centers = { source = 'csv' }", "source csv needs file"),
        ("[[companies]]\norganization_element = '1'", "organization_element is wrong"),
    ],
)
def test_a_map_or_a_source_that_basware_could_not_take_is_refused_at_the_start(
    tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(content, encoding="utf-8")
    assert told in "\n".join(problems(COMPLETE, path))


def test_only_a_site_that_says_so_reads_cost_centres_from_gl_codes_of_lines() -> None:
    assert CostCenterSettings().line_section is None
    chosen = CostCenterSettings(source="gl_section", separator=".", section=2)
    assert chosen.line_section == GlSection(".", 2)


def test_of_very_many_problems_the_first_are_told(tmp_path: Path) -> None:
    file = tmp_path / "connector.toml"
    file.write_text("\n".join(f"nonsense_{number}{'x' * 900} = 1" for number in range(300)), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"- and \d+ more") as refused:
        load_settings(file, {})
    assert len(refused.value.problems) >= 300
    assert len(str(refused.value)) < 5_000
