"""`connector init`: the first connector.toml and an empty state store.

Secrets are never asked for and never written: the command names those that the vault or the environment must hold.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from connector_defs.cli.examples import examples
from connector_defs.cli.terminal import busy, say
from connector_defs.domain.errors import Fatal
from connector_defs.private_files import write_private
from connector_defs.secret_places import MEANINGS

SECRETS = {
    name: MEANINGS[name]
    for name in (
        "SYSPRO_ODATA_PASSWORD",
        "SYSPRO_OPERATOR_PASSWORD",
        "SYSPRO_COMPANY_PASSWORD",
        "BASWARE_CLIENT_SECRET",
    )
}

EPILOG = examples(
    "connector init",
    "connector init --enet-url https://syspro:30000/SYSPROWCFService/Rest --region EU",
    "connector --config /etc/connector.toml init --force",
)


def init(
    *,
    enet_url: Annotated[
        str | None, typer.Option(envvar="SYSPRO_ENET_URL", help="e.net REST address.")
    ] = None,
    odata_url: Annotated[str | None, typer.Option(envvar="SYSPRO_ODATA_URL", help="OData address.")] = None,
    odata_username: Annotated[
        str | None, typer.Option(envvar="SYSPRO_ODATA_USERNAME", help="OData user.")
    ] = None,
    syspro_company: Annotated[
        str | None, typer.Option(envvar="SYSPRO_COMPANY_ID", help="SYSPRO company id.")
    ] = None,
    operator: Annotated[str | None, typer.Option(envvar="SYSPRO_OPERATOR", help="SYSPRO operator.")] = None,
    region: Annotated[
        str | None, typer.Option(envvar="BASWARE_REGION", help="EU, US, AU, CA or SANDBOX.")
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(envvar="BASWARE_CLIENT_ID", help="Basware OAuth2 client.")
    ] = None,
    api_url: Annotated[
        str | None, typer.Option(envvar="BASWARE_API_URL", help="Where the region's address is not yours.")
    ] = None,
    token_url: Annotated[
        str | None, typer.Option(envvar="BASWARE_TOKEN_URL", help="Where the region's address is not yours.")
    ] = None,
    basware_company: Annotated[
        str | None, typer.Option(envvar="BASWARE_COMPANY_CODE", help="Basware companyCode.")
    ] = None,
    state_url: Annotated[
        str, typer.Option(envvar="CONNECTOR_STATE_URL", help="Where durable state lives.")
    ] = "sqlite:///data/state.db",
    staging_url: Annotated[
        str, typer.Option(envvar="CONNECTOR_STAGING_URL", help="Folder of the staged rows.")
    ] = "data/staging",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a first connector.toml and set up the state store.

    What is neither given nor in the environment is asked for on a terminal, and left open elsewhere.
    Secrets are never written: the command says which ones to give to the vault or to the environment.
    """
    path = Path(os.environ.get("CONNECTOR_CONFIG") or "connector.toml")
    if path.exists() and not force:
        raise Fatal(f"{path} exists: keep it, or overwrite it with `connector init --force`.")
    told_url = _without_password(state_url)
    text = render(
        syspro={
            "enet_url": _asked("SYSPRO e.net REST address", enet_url),
            "odata_url": _asked("SYSPRO OData address", odata_url),
            "odata_username": _asked("OData user", odata_username),
        },
        basware={
            "region": _asked("Basware region (EU, US, AU, CA, SANDBOX)", region),
            "client_id": _asked("Basware OAuth2 client id", client_id),
            **({"api_url": api_url} if api_url else {}),
            **({"token_url": token_url} if token_url else {}),
        },
        company={
            "syspro_company": _asked("SYSPRO company id", syspro_company),
            "basware_company": _asked("Basware companyCode", basware_company),
            "operator": _asked("SYSPRO operator of this connector", operator),
        },
        storage={"state_url": told_url, "staging_url": staging_url},
    )
    write_private(path, text)
    say(f"{path} is written (readable by you alone).")
    if told_url != state_url:
        say(
            "It holds no password of PostgreSQL: leave CONNECTOR_STATE_URL in the environment, or use ~/.pgpass."
        )
    _set_up_store(state_url)
    _say_what_is_open(path)


def render(
    *,
    syspro: dict[str, str | None],
    basware: dict[str, str | None],
    company: dict[str, str | None],
    storage: dict[str, str | None],
) -> str:
    """The file's text; a key without a value stands as a comment, so that loading names it as missing."""
    head = (
        "# Settings of the connector. connector.example.toml explains every key.\n"
        "# Secrets belong in the vault (connector credentials set NAME) or in the environment: "
        + ", ".join(SECRETS)
        + ".\n"
    )
    parts = (("[syspro]", syspro), ("[basware]", basware), ("[[companies]]", company), ("[storage]", storage))
    return head + "".join(
        f"\n{title}\n" + "".join(_line(key, value) for key, value in table.items()) for title, table in parts
    )


def _line(key: str, value: str | None) -> str:
    return (
        f'# {key} = ""  # required\n'
        if value is None
        else f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
    )


def _asked(question: str, value: str | None) -> str | None:
    if value is not None or not sys.stdin.isatty():
        return value
    return typer.prompt(f"{question} (empty: later)", default="", show_default=False, err=True) or None


def _without_password(state_url: str) -> str:
    from connector_defs.store.engine import database_url

    url = database_url(state_url)
    if url.get_backend_name() != "postgresql":
        return state_url
    # `URL.set` takes no password away.
    bare = url._replace(password=None).difference_update_query(["password", "sslpassword"])
    return state_url if bare == url else bare.render_as_string(hide_password=False)


def _set_up_store(state_url: str) -> None:
    from connector_defs.store import schema

    with busy("Setting up the state store"):
        revision = schema.upgrade(state_url)
    say(f"The state store is at schema {revision}.")


def _say_what_is_open(path: Path) -> None:
    from connector_defs.flows.credentials import settings_in_force
    from connector_defs.settings import SettingsError

    unset = {name: meaning for name, meaning in SECRETS.items() if not os.environ.get(name)}
    if unset:
        say("\nKeep these in the vault (connector credentials set NAME), or set them in the environment:")
        for name, meaning in unset.items():
            say(f"  {name}  {meaning}")
    try:
        settings_in_force(path)
    except SettingsError as error:
        say("\nStill open:")
        for problem in error.problems:
            say(f"  - {problem}")
    say("\nThen: connector ping")
