"""Which values of the settings are secrets, told to whoever masks them.

Belongs here: finding them in the model. Not here: the settings themselves, and what becomes of a secret.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from connector_defs.domain.known_secrets import know
from connector_defs.settings import Settings
from connector_defs.store.seal import split_keys

_PASSWORD: Final = re.compile(r"://[^:/@?#]*:(.+)@", re.DOTALL)
# Of PostgreSQL's URLs, which take secrets in their query as well.
_OPTIONS: Final = frozenset({"password", "sslpassword"})


def know_secrets(settings: Settings) -> None:
    """Mask these settings' secrets from now on, in every text that leaves this process."""
    key = settings.storage.master_key
    # Several keys in one value, each of which is a secret.
    keys = set(split_keys(key.get_secret_value())) if key else set()
    know({*_secrets(settings), *keys} - _in_the_open(settings))


def _secrets(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets(getattr(value, name))
        case tuple():
            for each in value:
                yield from _secrets(each)
        case dict():
            for each in value.values():
                yield from _secrets(each)
        case str() if "://" in value:
            yield from _password(value)


def _password(url: str) -> Iterator[str]:
    """The password in a URL, as it stands there and as it is meant.

    One with a sign that should have been escaped there is read in two by some, who tell the second part as a host.
    """
    found = _PASSWORD.search(url)
    passwords = [found[1], *found[1].split("@")[1:]] if found else []
    with suppress(ValueError):
        # Not a URL after all, and refused as such where it is used.
        passwords += [value for name, value in parse_qsl(urlsplit(url).query) if name in _OPTIONS]
    for password in filter(None, passwords):
        yield password
        yield unquote(password)


def _in_the_open(settings: Settings) -> set[str]:
    """Names that stand in every report: a secret that is spelled like one of them cannot be masked."""
    return {
        settings.syspro.odata_username,
        settings.basware.client_id,
        *(
            name
            for company in settings.companies
            for name in (company.syspro_company, company.basware_company)
        ),
        *(company.operator for company in settings.companies),
    }
