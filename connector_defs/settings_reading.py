"""Reading the settings: `connector.toml`, then the environment, and what to do where one is wrong.

Belongs here: the file, the environment variables, the remedy of every mistake. Not here: the settings themselves
(`settings`), secrets in the vault (`flows.credentials`).

Order: a value in the environment wins over the same value in the file; a secret that neither gives may come from the
vault. With the environment alone one company pair runs on defaults that fit an unknown site.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from connector_defs.secret_places import Location, secret_places
from connector_defs.settings import Section, Settings, SettingsError

# Environment variable -> place in the tree. The first company's keys have variables of their own.
ENVIRONMENT: dict[str, tuple[str, ...]] = {
    "SYSPRO_ENET_URL": ("syspro", "enet_url"),
    "SYSPRO_ODATA_URL": ("syspro", "odata_url"),
    "SYSPRO_ODATA_USERNAME": ("syspro", "odata_username"),
    "SYSPRO_ODATA_PASSWORD": ("syspro", "odata_password"),
    "SYSPRO_CA_FILE": ("syspro", "ca_file"),
    "SYSPRO_ALLOW_PLAIN_HTTP": ("syspro", "allow_plain_http"),
    "SYSPRO_OPERATOR": ("companies", "operator"),
    "SYSPRO_OPERATOR_PASSWORD": ("companies", "operator_password"),
    "SYSPRO_COMPANY_ID": ("companies", "syspro_company"),
    "SYSPRO_COMPANY_PASSWORD": ("companies", "company_password"),
    "BASWARE_COMPANY_CODE": ("companies", "basware_company"),
    "BASWARE_REGION": ("basware", "region"),
    "BASWARE_API_URL": ("basware", "api_url"),
    "BASWARE_TOKEN_URL": ("basware", "token_url"),
    "BASWARE_CLIENT_ID": ("basware", "client_id"),
    "BASWARE_CLIENT_SECRET": ("basware", "client_secret"),
    "BASWARE_WEBHOOK_SECRET": ("basware", "webhook_secret"),
    "BASWARE_WEBHOOK_SECRET_PREVIOUS": ("basware", "webhook_secret_previous"),
    "CONNECTOR_STATE_URL": ("storage", "state_url"),
    "CONNECTOR_STAGING_URL": ("storage", "staging_url"),
    "CONNECTOR_MASTER_KEY": ("storage", "master_key"),
    "CONNECTOR_MASTER_KEY_FILE": ("storage", "master_key_file"),
    "CONNECTOR_HTTP_TIMEOUT_SECONDS": ("timing", "http_timeout_seconds"),
    "CONNECTOR_RETRY_BASE_SECONDS": ("timing", "retry_base_seconds"),
    "CONNECTOR_RETRY_MAX_SECONDS": ("timing", "retry_max_seconds"),
    "CONNECTOR_UNCERTAIN_QUARANTINE_SECONDS": ("timing", "uncertain_quarantine_seconds"),
    "CONNECTOR_REQUEST_STATUS_POLL_SECONDS": ("timing", "request_status_poll_seconds"),
}
_MOST_BYTES = 1_000_000
_VARIABLE_OF = {place: variable for variable, place in ENVIRONMENT.items()}


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read `connector.toml` (`path`, else CONNECTOR_CONFIG, else the working folder) and the environment.

    Raises SettingsError, which names every missing or wrong setting and what to do about it.
    """
    return validated(read_tree(path, environ))


def read_tree(path: Path | None = None, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What file and environment give, not looked at yet. Raises SettingsError where the file cannot be read."""
    environ = os.environ if environ is None else environ
    tree = read_file(path, environ)
    for variable, place in ENVIRONMENT.items():
        value = environ.get(variable)
        if value is not None and value != "":
            _place(tree, place, value)
    return tree


def validated(tree: Mapping[str, Any]) -> Settings:
    """The settings of a whole tree. Raises SettingsError."""
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        secrets = {place.location: place.name for place in secret_places(tree)}
        raise SettingsError(
            [_problem(detail, secrets) for detail in error.errors(include_url=False)]
        ) from None


_PartOfSettings = TypeVar("_PartOfSettings", bound=Section)


def validated_section(tree: Mapping[str, Any], name: str, model: type[_PartOfSettings]) -> _PartOfSettings:
    """One table of the tree, for those who need no more. Raises SettingsError for what is wrong in it."""
    try:
        return model.model_validate(tree.get(name, {}))
    except ValidationError as error:
        details = [{**detail, "loc": (name, *detail["loc"])} for detail in error.errors(include_url=False)]
        raise SettingsError([_problem(detail, {}) for detail in details]) from None


def read_file(path: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """What the file alone gives. Raises SettingsError where it cannot be read."""
    named = path or (Path(environ["CONNECTOR_CONFIG"]) if environ.get("CONNECTOR_CONFIG") else None)
    file = named or Path("connector.toml")
    if not file.exists():
        if named is not None:
            raise SettingsError(
                [
                    f"settings file {file} does not exist: make one with `connector init`, or correct CONNECTOR_CONFIG"
                ]
            )
        return {}
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise SettingsError(
                [f"settings file {file} is larger than {_MOST_BYTES} bytes: it is no connector.toml"]
            )
        return tomllib.loads(content.decode("utf-8").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits is a ValueError of its own.
        flaw = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise SettingsError([f"settings file {file} is not valid TOML: {flaw}"]) from None
    except OSError as error:
        raise SettingsError([f"settings file {file} cannot be read: {error.strerror}"]) from None


def _place(tree: dict[str, Any], place: tuple[str, ...], value: str) -> None:
    section, key = place
    if section == "companies":
        companies = tree.setdefault("companies", [{}])
        if isinstance(companies, list) and companies and isinstance(companies[0], dict):
            companies[0][key] = value
        return
    table = tree.setdefault(section, {})
    if isinstance(table, dict):
        table[key] = value


def _problem(detail: Any, secrets: Mapping[Location, str]) -> str:
    location = [part for part in detail["loc"] if part not in ("__root__", "[key]")]
    where = ".".join(str(part) for part in location) or "connector.toml"
    plain = tuple(str(part) for part in location if not isinstance(part, int))
    if detail["type"] == "missing" and len(plain) == 1:
        return _missing_section(plain[0])
    # Variables lead to the first pair of companies alone.
    variable = None if any(isinstance(part, int) and part for part in location) else _VARIABLE_OF.get(plain)
    how = f"set {variable} or `{where}` in connector.toml" if variable else f"set `{where}` in connector.toml"
    if detail["type"] == "missing":
        name = secrets.get(tuple(location))
        vault = f", or keep it in the vault: connector credentials set {name}" if name else ""
        return f"{where} is missing: {how}{vault}"
    if detail["type"] == "extra_forbidden":
        return f"{where} is not a known setting: see connector.example.toml for the names"
    flaw = str(detail["msg"]).removeprefix("Value error, ")
    return f"{where} is wrong ({flaw}): {how}" if location else flaw


def _missing_section(section: str) -> str:
    names = ", ".join(variable for variable, place in ENVIRONMENT.items() if place[0] == section)
    return f"[{section}] is missing: set {names}, or write the table in connector.toml (`connector init` makes one)"
