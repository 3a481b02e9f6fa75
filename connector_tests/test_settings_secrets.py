"""Every secret of the settings is masked, wherever in them it stands; names that people need are not."""

import pytest

from connector_defs.domain.known_secrets import covered
from connector_defs.settings import Settings
from connector_defs.settings_secrets import know_secrets

KEYS = ("master-key-number-one", "master-key-number-two")
SECRETS = {
    "odata": "odata-secret-1",
    "client": "client-secret-1",
    "hook": "hook-secret-1",
    "operator": "operator-secret-1",
    "second": "operator-secret-2",
    "company": "company-secret-1",
    "database": "data/base-secret",
    "proxy": "proxy-secret-1",
}


def settings(**changes: str) -> Settings:
    told = {**SECRETS, **changes}
    return Settings.model_validate(
        {
            "syspro": {
                "enet_url": f"https://me:{told['proxy']}@erp:30000/Rest",
                "odata_url": "https://erp/odata",
                "odata_username": "READER-1",
                "odata_password": told["odata"],
            },
            "basware": {
                "region": "EU",
                "client_id": "client-number-1",
                "client_secret": told["client"],
                "webhook_secret": told["hook"],
            },
            "companies": [
                {
                    "syspro_company": "M1",
                    "basware_company": "1000",
                    "operator": "INTEG",
                    "operator_password": told["operator"],
                    "company_password": told["company"],
                    "extra_operators": [{"operator": "INTEG2", "operator_password": told["second"]}],
                }
            ],
            "storage": {
                "state_url": f"postgresql://me:{told['database'].replace('/', '%2F')}@db/x",
                "master_key": ", ".join(KEYS),
            },
        }
    )


@pytest.mark.parametrize("secret", [*SECRETS.values(), *KEYS, "data%2Fbase-secret"])
def test_a_secret_of_the_settings_is_masked(secret: str) -> None:
    know_secrets(settings())
    assert covered(f"before {secret} behind") == "before … behind"


def test_a_password_that_is_a_name_as_well_leaves_the_name_readable() -> None:
    know_secrets(settings(operator="client-number-1", second="1000", company=""))
    assert covered("client client-number-1 of company 1000") == "client client-number-1 of company 1000"


def test_no_secret_is_shown_by_the_settings_themselves() -> None:
    shown = repr(settings().model_dump(exclude={"syspro": {"enet_url"}, "storage": {"state_url"}}))
    assert not [secret for secret in (*SECRETS.values(), *KEYS) if secret in shown]


def test_a_wrong_setting_is_told_without_its_value() -> None:
    with pytest.raises(ValueError, match="odata_password") as refused:
        settings(odata=["s3cr3t-as-a-list"])  # type: ignore[arg-type]
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://[broken", "https://erp:1/x"])
def test_an_address_without_a_password_has_no_secret(url: str) -> None:
    chosen = settings()
    know_secrets(chosen.model_copy(update={"syspro": chosen.syspro.model_copy(update={"odata_url": url})}))
    assert covered(url) == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:pa@planted-1@db/x", "failed to resolve host 'planted-1@db'"),
        ("postgresql://me:pa/planted-1@db/x", "for me with pa/planted-1"),
        ("postgresql://me:pa#planted-1@db/x", "for me with pa#planted-1"),
        ("postgresql://db/x?user=me&password=planted-1", "for me with planted-1"),
        ("postgresql://me@db/x?sslpassword=planted%2F1", "for me with planted/1"),
    ],
)
def test_a_password_of_the_database_is_masked_however_its_url_is_read(url: str, told: str) -> None:
    plain = settings()
    know_secrets(plain.model_copy(update={"storage": plain.storage.model_copy(update={"state_url": url})}))
    assert "planted" not in covered(told)
