"""connector.example.toml documents every key, and what it shows is accepted."""

import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest

from connector_defs.settings import Section, Settings
from connector_defs.settings_reading import ENVIRONMENT, load_settings

EXAMPLE = Path(__file__).parents[2] / "connector.example.toml"
SECRETS = {
    "SYSPRO_ODATA_PASSWORD": "a",
    "SYSPRO_OPERATOR_PASSWORD": "b",
    "BASWARE_CLIENT_SECRET": "c",
}
_COMMENTED_KEY = re.compile(r"^# ([a-z_]+ = .+)$", re.MULTILINE)


def everything_uncommented() -> str:
    return _COMMENTED_KEY.sub(r"\1", EXAMPLE.read_text(encoding="utf-8"))


def sections_of(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    if get_origin(annotation) in {Union, UnionType, tuple, list}:
        return [section for part in get_args(annotation) for section in sections_of(part)]
    return []


def undocumented(section: type[Section], tree: Any, where: str = "") -> list[str]:
    missing = []
    for name, field in section.model_fields.items():
        if name not in tree:
            missing.append(f"{where}{name}")
            continue
        inner = tree[name][0] if isinstance(tree[name], list) and tree[name] else tree[name]
        for nested in sections_of(field.annotation):
            missing += undocumented(nested, inner, f"{where}{name}.")
    return missing


def test_the_example_loads_once_the_secrets_are_in_the_environment() -> None:
    settings = load_settings(EXAMPLE, SECRETS)

    assert settings.companies[0].syspro_company == "M1"


def test_what_the_example_comments_out_loads_too(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(everything_uncommented(), encoding="utf-8")

    load_settings(file, {})


def test_every_key_of_every_section_is_in_the_example() -> None:
    assert undocumented(Settings, tomllib.loads(everything_uncommented())) == []


def test_every_variable_stands_beside_its_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")

    assert [variable for variable in ENVIRONMENT if variable not in text] == []


@pytest.mark.parametrize(
    "section",
    [
        "storage",
        "timing",
        "posting",
        "mapping",
        "webhook",
        "publishing",
        "payments",
        "enrichment",
        "schedules",
        "currencies",
        "units",
        "countries",
    ],
)
def test_the_defaults_shown_are_the_defaults(section: str) -> None:
    shown = getattr(load_settings(EXAMPLE, SECRETS), section)

    assert shown == getattr(load_settings(None, {**SECRETS, **REQUIRED}), section)


REQUIRED = {
    "SYSPRO_ENET_URL": "https://syspro.test/Rest",
    "SYSPRO_ODATA_URL": "https://syspro.test/odata",
    "SYSPRO_ODATA_USERNAME": "odata",
    "SYSPRO_OPERATOR": "INTEG",
    "SYSPRO_COMPANY_ID": "M1",
    "BASWARE_REGION": "EU",
    "BASWARE_CLIENT_ID": "client",
    "BASWARE_COMPANY_CODE": "1000",
}
