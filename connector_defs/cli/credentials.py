"""`connector credentials`: what the connector logs on with, kept sealed in the state store. No value is ever shown."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, keyring
from connector_defs.cli.terminal import busy, print_json, say
from connector_defs.domain.errors import Fatal

if TYPE_CHECKING:
    from connector_defs.flows.credentials import Credential

app = typer.Typer(
    help="Passwords and secrets, sealed in the state store.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Its environment variable, as BASWARE_CLIENT_SECRET; SYSPRO_OPERATOR_PASSWORD/M2 for a further company.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
# No credential is longer; a file given by mistake is not read to its end.
_MOST_CHARACTERS = 10_000


@app.command(
    "set",
    epilog=examples(
        "connector credentials set BASWARE_CLIENT_SECRET",
        "connector credentials set SYSPRO_OPERATOR_PASSWORD/M2",
        "vault kv get -field=secret basware | connector credentials set BASWARE_CLIENT_SECRET --stdin",
    ),
)
def set_credential(
    name: Name,
    value: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    *,
    stdin: Annotated[
        bool,
        typer.Option("--stdin", help="Read the value from standard input; one line break at its end goes."),
    ] = False,
) -> None:
    """Keep a credential in the vault. It is asked for twice, without showing it; never give it as an argument.

    The next run uses it. A value in connector.toml or in the environment goes before it.
    """
    from pydantic import SecretStr

    if value:
        # What was given as the name may be the value.
        raise Fatal(
            "Nothing is set: a value is never given as an argument, where other users and the shell's history see it. "
            "Change it at the other side, then run this again without it: it is asked for, or read with --stdin."
        )
    with keyring() as ring:
        ring.check_name(name)
        # What is typed at a terminal would stand there to be read.
        piped = stdin and not sys.stdin.isatty()
        kept = ring.put(name, SecretStr(_from_stdin() if piped else _asked(name)), actor())
    say(f"{name} is in the vault (fingerprint {kept.fingerprint}).")
    if kept.source != "vault":
        say(_who_wins(kept), "yellow")


@app.command("list", epilog=examples("connector credentials list", "connector credentials list --json"))
def list_credentials(json: AsJson = False) -> None:
    """Which credentials there are, where the value in force comes from, how old it is and who set it. Never values.

    Equal fingerprints of one name mean equal values; nobody can find a value from its fingerprint.
    """
    with keyring() as ring:
        found = ring.credentials()
    if json:
        print_json({"credentials": found})
        return
    _show(found)
    for each in found:
        if each.in_vault and each.known and each.source != "vault":
            say(_who_wins(each), "yellow" if each.differs else "")


@app.command(epilog=examples("connector credentials remove BASWARE_WEBHOOK_SECRET_PREVIOUS"))
def remove(name: Name, yes: Yes = False) -> None:
    """Forget a credential that is in the vault."""
    with keyring() as ring:
        held = {each.name for each in ring.credentials() if each.in_vault}
        if name not in held:
            ring.check_name(name)
            raise Fatal(f"The vault holds no {name}: nothing is removed.")
        _confirm(f"Remove {name} from the vault?", yes=yes)
        ring.remove(name, actor())
    say(f"{name} is no longer in the vault.")


@app.command(epilog=examples("connector credentials rotate", "connector credentials rotate --json"))
def rotate(json: AsJson = False) -> None:
    """Seal everything anew under a new master key; safe to kill at any moment.

    Where the key lies in a key file, a new key is made, everything is sealed under it, and the old one goes. Where keys
    are given in CONNECTOR_MASTER_KEY, put the new one in front first (new,old), in every process that runs; then run
    this, and take the old one out. The credentials themselves stay as they are. Runs that are under way go on.
    """
    with keyring() as ring, busy("Sealing everything anew"):
        done, same_key = ring.rotate(actor()), ring.has_no_new_key
    if json:
        print_json(done)
        return
    say(
        f"Sealed anew: {done.credentials} credential(s), {done.sessions} session id(s), {done.tokens} access token(s)."
    )
    if same_key:
        say("It is the same key as before: CONNECTOR_MASTER_KEY holds no other one (new,old).", "yellow")


@app.command(epilog=examples("connector credentials discard", "connector credentials discard --yes"))
def discard(yes: Yes = False, json: AsJson = False) -> None:
    """Drop what no master key opens, after a key was lost for good. Then set again what it names."""
    _confirm("Drop every credential that no master key opens?", yes=yes)
    with keyring() as ring:
        gone = ring.discard(actor())
    if json:
        print_json({"discarded": gone})
        return
    for name in gone:
        say(f"{name} is gone: connector credentials set {name}")
    if not gone:
        say("Every credential in the vault can be opened: nothing is gone.")


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise Fatal(f"There is no terminal to ask for {name}: give it on standard input with --stdin.")
    return str(typer.prompt(name, hide_input=True, confirmation_prompt=f"{name} again", err=True))


def _from_stdin() -> str:
    try:
        text = sys.stdin.read(_MOST_CHARACTERS)
    except UnicodeDecodeError:
        raise Fatal("What comes on standard input is no text: give the value as UTF-8.") from None
    return text.removesuffix("\n").removesuffix("\r")


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Fatal("There is no terminal to ask: say so with --yes.")
    typer.confirm(question, abort=True, err=True)


def _who_wins(credential: "Credential") -> str:
    told = "differs from the vault's" if credential.differs else "is the same as the vault's"
    return f"{credential.name}: the value in the {credential.source} is in force; it {told}."


def _show(found: "list[Credential]") -> None:
    tables.table(
        "Credentials",
        [
            ("name", "key"),
            ("in force from", "key"),
            ("in the vault", "key"),
            ("set", "key"),
            ("by", "key"),
            ("what it is", "sentence"),
        ],
        [
            (
                each.name,
                each.source or (None if each.known else "unknown name"),
                each.fingerprint,
                _age(each.changed_at, each.age_days),
                each.changed_by,
                each.meaning,
            )
            for each in found
        ],
    )


def _age(changed_at: datetime | None, days: int | None) -> str | None:
    if changed_at is None:
        return None
    return f"{changed_at:%Y-%m-%d} ({'today' if days == 0 else f'{days} days ago'})"
