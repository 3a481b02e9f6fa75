"""`connector mapping`: which GL code of SYSPRO stands for an account code of Basware, and who decides that."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from connector_defs.cli import mapping_files, mapping_suggest, mapping_tables, tables
from connector_defs.cli.endings import finish
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import actor, chosen_company, opened
from connector_defs.cli.terminal import print_json, say
from connector_defs.domain.errors import Fatal

if TYPE_CHECKING:
    from connector_defs.domain.gl_mapping import MappingRule, RuleKey
    from connector_defs.settings import CompanySettings

app = typer.Typer(
    help="Which SYSPRO GL code stands for a Basware account code.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

AccountCode = Annotated[str, typer.Argument(metavar="ACCOUNT_CODE", help="Account code on the coding row.")]
CostCenter = Annotated[str | None, typer.Option(help="Only for this cost centre; otherwise for any.")]
Dimension = Annotated[
    list[str] | None,
    typer.Option(
        "--dimension",
        metavar="NAME=CODE",
        help="Only for this dimension, such as dim1=NORTH or project=P-7. May be repeated.",
    ),
]
ValidFrom = Annotated[
    datetime | None,
    typer.Option(
        metavar="YYYY-MM-DD",
        formats=["%Y-%m-%d"],
        help="First voucher date (without one: invoice date) it holds for.",
    ),
]
ValidTo = Annotated[
    datetime | None,
    typer.Option(metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Last date it holds for."),
]
OneCompany = Annotated[str | None, typer.Option(help="Company; needed where several are configured.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")]


@app.command(
    "list",
    epilog=examples(
        "connector mapping list",
        "connector mapping list --unmapped",
        "connector mapping list --proposed",
        "connector mapping list --json",
    ),
)
def list_rules(
    company: Annotated[str | None, typer.Option(help="Only this company (SYSPRO or Basware code).")] = None,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Only the codes that invoices wait for.")
    ] = False,
    proposed: Annotated[
        bool, typer.Option("--proposed", help="Only what waits for a second person.")
    ] = False,
    json: AsJson = False,
) -> None:
    """The rules in force, what is proposed, and the account codes without a rule although an invoice needs one.

    The rule that pins most goes first: account code and cost centre and dimensions before account code alone. Of
    rules that pin the same, the one that begins later. Equally specific rules with different GL codes map nothing:
    the invoice waits as MAPPING_AMBIGUOUS.
    """
    from connector_defs.flows import mapping, overview

    with opened() as connector:
        name = None if company is None else connector.settings.company(company).syspro_company
        rules = [] if unmapped or proposed else mapping.rules(connector, name)
        proposals = [] if unmapped else mapping.proposals(connector, name)
        missing = [
            each
            for each in ([] if proposed else overview.unmapped_accounts(connector))
            if name in (None, each.company)
        ]
    if json:
        print_json({"rules": rules, "proposed": proposals, "unmapped": missing})
        return
    if not unmapped and not proposed:
        mapping_tables.rules("GL mapping", rules)
    if proposals or proposed:
        mapping_tables.rules("Proposed: they map nothing until another person approves", proposals)
        say(
            "Approve one: connector mapping approve ACCOUNT_CODE. All of them: connector mapping approve --all"
        )
    if missing:
        tables.unmapped(missing)
        say("Give one its GL code: connector mapping set ACCOUNT_CODE GL_CODE")
        say("Candidates: connector mapping suggest")
    elif not proposed:
        say("No invoice waits for a mapping.")


@app.command(
    "set",
    epilog=examples(
        "connector mapping set 6100 10-6100",
        'connector mapping set 6100 10-6150 --cost-center CC010 --reason "travel of sales"',
        "connector mapping set 6100 10-6190 --dimension dim1=NORTH --dimension project=P-7",
        "connector mapping set 6100 10-6200 --valid-from 2027-01-01",
        "connector mapping set 6100 --cost-center CC010 --retire",
    ),
)
def set_rule(
    *,
    account_code: AccountCode,
    gl_code: Annotated[
        str | None,
        typer.Argument(
            metavar="GL_CODE",
            help="GL code in SYSPRO, exactly as stored there; left out with --retire.",
            show_default=False,
        ),
    ] = None,
    cost_center: CostCenter = None,
    dimension: Dimension = None,
    valid_from: ValidFrom = None,
    valid_to: ValidTo = None,
    retire: Annotated[
        bool, typer.Option("--retire", help="Withdraw the rule instead; its versions stay in the audit.")
    ] = False,
    company: OneCompany = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the rule and in the audit.")] = "set by hand",
    json: AsJson = False,
) -> None:
    """Say which GL code an account code means. Invoices that waited for it are released by themselves.

    Where [mapping] second_approver is set, the rule is a proposal until another person approves it.
    """
    from connector_defs.flows import mapping

    if (gl_code is None) is not retire:
        raise Fatal("Name the GL code to set, or --retire without one.")
    with opened() as connector:
        pair = chosen_company(connector, company)
        key = _key(pair, account_code, cost_center, dimension, valid_from)
        if gl_code is None:
            if valid_to is not None:
                raise Fatal(
                    "--retire withdraws the rule as a whole; to end it on a day, set it with --valid-to."
                )
            rule, released = mapping.retire_rule(connector, key, actor=actor(), reason=reason)
        else:
            rule, released = mapping.set_rule(
                connector,
                pair.syspro_company,
                account_code,
                cost_center,
                gl_code,
                actor=actor(),
                reason=reason,
                dimensions=key.dimensions,
                valid_from=key.valid_from,
                valid_to=_day(valid_to),
            )
    _told(rule, released, json=json)


@app.command(
    epilog=examples(
        "connector mapping approve 6100",
        "connector mapping approve 6100 10-6150 --cost-center CC010",
        'connector mapping approve --all --reason "chart of 2027, checked with finance"',
        'connector mapping approve 6100 --refuse --reason "belongs to 6200"',
    ),
)
def approve(
    *,
    account_code: Annotated[
        str | None,
        typer.Argument(
            metavar="ACCOUNT_CODE", help="Account code of the proposal; or --all.", show_default=False
        ),
    ] = None,
    gl_code: Annotated[
        str | None,
        typer.Argument(
            metavar="GL_CODE", help="Approve only if this is the code proposed.", show_default=False
        ),
    ] = None,
    cost_center: CostCenter = None,
    dimension: Dimension = None,
    valid_from: ValidFrom = None,
    every: Annotated[bool, typer.Option("--all", help="Whatever other people proposed.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="End the proposal instead.")] = False,
    company: OneCompany = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "approved by hand",
    json: AsJson = False,
) -> None:
    """Approve what another person proposed, or refuse it. Invoices that waited for it are released by themselves.

    Exit code 1: with --all, proposals of your own are left for somebody else.
    """
    from connector_defs.flows import mapping

    if every and (account_code is not None or refuse):
        raise Fatal("--all approves whatever others proposed: it takes no account code and no --refuse.")
    if every:
        finish(clean=_approve_all(company, reason, json=json))
    elif account_code is None:
        raise Fatal("Name the account code whose proposal you approve, or say --all.")
    else:
        with opened() as connector:
            key = _key(chosen_company(connector, company), account_code, cost_center, dimension, valid_from)
            rule, released = mapping.decide(
                connector, key, actor=actor(), reason=reason, gl_code=gl_code, refuse=refuse
            )
        _told(rule, released, json=json)


def _approve_all(company: str | None, reason: str, *, json: bool) -> bool:
    """True where no proposal is left that somebody else has to approve."""
    from connector_defs.flows import mapping

    with opened() as connector:
        approval = mapping.approve_all(connector, company, actor=actor(), reason=reason)
    if json:
        print_json(approval)
    else:
        say(f"{len(approval.decided):,} proposal(s) approved.")
        _freed(approval.released)
        if approval.own:
            mapping_tables.rules("Your own proposals: another person must approve them", approval.own)
    return not approval.own


def _key(
    pair: "CompanySettings",
    account_code: str,
    cost_center: str | None,
    dimension: list[str] | None,
    valid_from: datetime | None,
) -> "RuleKey":
    from connector_defs.domain.gl_mapping import ANY, RuleKey, dimensions_of

    try:
        dimensions = dimensions_of(dimension or [])
    except ValueError as error:
        raise Fatal(f"{error}.") from None
    return RuleKey(pair.syspro_company, account_code, cost_center or ANY, dimensions, _day(valid_from))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


_SAID = {
    "active": "is GL code {code}",
    "retired": "has this rule no more (it was GL code {code})",
    "proposed": "is proposed to be GL code {code}",
    "retiring": "keeps GL code {code} until another person approves the withdrawal",
    "refused": "does not become GL code {code}: the proposal is ended",
}


def _told(rule: "MappingRule", released: int, *, json: bool) -> None:
    if json:
        print_json({"rule": rule, "released": released})
        return
    when = mapping_tables.validity(None, rule.valid_to)
    said = _SAID[rule.status.value].format(code=rule.gl_code)
    say(f"{rule.company}: {rule.key.words}{', ' + when if when else ''} {said} (version {rule.version}).")
    if rule.status.value in ("proposed", "retiring"):
        say(
            f"Another person approves it: connector mapping approve {rule.account_code} {rule.key.options}".rstrip()
        )
    _freed(released)


def _freed(released: int) -> None:
    if released:
        say(f"{released:,} waiting invoice(s) released. Post them now: connector sync invoices")


app.command("suggest", epilog=mapping_suggest.EPILOG)(mapping_suggest.suggest)
app.command("import", epilog=mapping_files.IMPORT_EPILOG)(mapping_files.import_file)
app.command("export", epilog=mapping_files.EXPORT_EPILOG)(mapping_files.export_file)
