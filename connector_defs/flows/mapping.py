"""GL mapping as people work with it: look at the rules, set or withdraw one, approve what others proposed.

Whatever changes a rule ends by freeing the invoices that waited for it. Files of rules are in `mapping_import`,
candidates for account codes that have no rule in `suggestions`.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from connector_defs.domain.errors import Fatal
from connector_defs.domain.gl_mapping import (
    ANY,
    Dimensions,
    MappingRule,
    RuleKey,
    RuleStatus,
    dimension_text,
)
from connector_defs.flows.evaluation import release_mapped
from connector_defs.flows.runtime import Connector
from connector_defs.store import mappings
from connector_defs.store.mappings import Standing

# What the rule holds -> the most characters the store, Basware or SYSPRO keeps of it.
LIMITS = {"account code": 50, "cost centre": 200, "dimensions": 300, "GL code": 35, "reason": 1000}


@dataclass(frozen=True)
class Approval:
    """What an approver decided: the versions written, and proposals left because the approver made them."""

    decided: tuple[MappingRule, ...]
    own: tuple[MappingRule, ...]
    released: int


def rules(connector: Connector, company_name: str | None = None) -> list[MappingRule]:
    """The active rules."""
    with connector.store.read() as connection:
        return mappings.in_force(connection, _company(connector, company_name))


def proposals(connector: Connector, company_name: str | None = None) -> list[MappingRule]:
    """What waits for a second person."""
    with connector.store.read() as connection:
        return mappings.pending(connection, _company(connector, company_name))


def _company(connector: Connector, name: str | None) -> str | None:
    return connector.settings.company(name).syspro_company if name else None


def flaw_of(key: RuleKey, gl_code: str, valid_to: date | None, reason: str) -> str:
    """Why this cannot be a rule, for people; "" where it can."""
    values = {
        "account code": key.account_code,
        "cost centre": key.cost_center,
        "dimensions": dimension_text(key.dimensions),
        "GL code": gl_code,
        "reason": reason,
    }
    for what in ("account code", "GL code"):
        if not values[what].strip():
            return f"the {what} is missing"
    for what, value in values.items():
        if len(value) > LIMITS[what]:
            return f"{what} {value[:60]!r} has {len(value)} characters, at most {LIMITS[what]} are kept"
        if _unstorable(value):
            return f"{what} {value[:60]!r} holds a control character"
    if key.valid_from is not None and valid_to is not None and valid_to < key.valid_from:
        return f"it ends on {valid_to}, before it begins on {key.valid_from}"
    return ""


def _unstorable(text: str) -> bool:
    """Control characters beyond those of plain text, and halves of characters: no file holds them, PostgreSQL no NUL."""
    return any(
        (character < " " and character not in "\t\r\n") or "\ud800" <= character <= "\udfff"
        for character in text
    )


def set_rule(
    connector: Connector,
    company_name: str,
    account_code: str,
    cost_center: str | None,
    gl_code: str,
    *,
    actor: str,
    reason: str,
    dimensions: Dimensions = (),
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> tuple[MappingRule, int]:
    """Set (account, cost centre or any, dimensions) -> GL code. Returns the rule and how many invoices it freed.

    Where the site wants a second approver the rule is a proposal, and frees none.
    The GL code itself is checked against SYSPRO when an invoice is posted to it.
    """
    company = connector.settings.company(company_name)
    key = RuleKey(company.syspro_company, account_code, cost_center or ANY, dimensions, valid_from)
    flaw = flaw_of(key, gl_code, valid_to, reason)
    if flaw:
        raise Fatal(f"{key.words} -> {gl_code} cannot be set: {flaw}")
    status = RuleStatus.PROPOSED if connector.settings.mapping.second_approver else RuleStatus.ACTIVE
    with connector.store.write() as connection:
        rule = mappings.add(
            connection,
            key.company,
            key.account_code,
            key.cost_center,
            gl_code,
            author=actor,
            reason=reason,
            now=connector.clock.now(),
            dimensions=key.dimensions,
            valid_from=key.valid_from,
            valid_to=valid_to,
            status=status,
        )
    return rule, release_mapped(connector, company)


def retire_rule(connector: Connector, key: RuleKey, *, actor: str, reason: str) -> tuple[MappingRule, int]:
    """Withdraw a rule: a new version that maps nothing. Returns it and how many invoices that freed (of a tie).

    Where the site wants a second approver the rule stays in force until another person approves.
    """
    flaw = flaw_of(key, "-", None, reason)
    if flaw:
        raise Fatal(f"{key.words} cannot be withdrawn: {flaw}")
    with connector.store.write() as connection:
        current = _standing(connection, key).in_force
        if current is None:
            raise Fatal(f"no rule for {key.words} is in force: `connector mapping list` shows those that are")
        rule = mappings.add(
            connection,
            key.company,
            key.account_code,
            key.cost_center,
            current.gl_code,
            author=actor,
            reason=reason,
            now=connector.clock.now(),
            dimensions=key.dimensions,
            valid_from=key.valid_from,
            valid_to=current.valid_to,
            status=RuleStatus.RETIRING if connector.settings.mapping.second_approver else RuleStatus.RETIRED,
        )
    return rule, release_mapped(connector, connector.settings.company(key.company))


def decide(
    connector: Connector,
    key: RuleKey,
    *,
    actor: str,
    reason: str,
    gl_code: str | None = None,
    refuse: bool = False,
) -> tuple[MappingRule, int]:
    """Approve or refuse what is proposed for a rule. Returns the version written and how many invoices it freed.

    With `gl_code` only a proposal of that very code is approved, whatever came between reading and approving.
    Raises Fatal where nothing is proposed, or where the approver proposed it; taking back one's own is allowed.
    """
    now = connector.clock.now()
    with connector.store.write() as connection:
        proposal = _standing(connection, key).pending
        if proposal is None:
            raise Fatal(
                f"nothing is proposed for {key.words}: `connector mapping list --proposed` shows what is"
            )
        if gl_code is not None and gl_code != proposal.gl_code:
            raise Fatal(f"for {key.words} GL code {proposal.gl_code} is proposed, not {gl_code}: look again")
        if not refuse and _same_person(proposal.author, actor):
            raise Fatal(f"{key.words}: {proposal.author} proposed it, so another person must approve it")
        rule = _refused(proposal, now) if refuse else _approved(proposal, actor, now)
        mappings.write(connection, [rule], now, actor=actor, note=reason)
    return rule, release_mapped(connector, connector.settings.company(key.company))


def approve_all(connector: Connector, company_name: str | None, *, actor: str, reason: str) -> Approval:
    """Approve whatever other people proposed, in one transaction; the approver's own proposals are left."""
    now = connector.clock.now()
    with connector.store.write() as connection:
        waiting = mappings.pending(connection, _company(connector, company_name))
        own = tuple(rule for rule in waiting if _same_person(rule.author, actor))
        decided = tuple(_approved(rule, actor, now) for rule in waiting if rule not in own)
        mappings.write(connection, decided, now, actor=actor, note=reason)
    touched = sorted({rule.company for rule in decided})
    released = sum(release_mapped(connector, connector.settings.company(company)) for company in touched)
    return Approval(decided, own, released)


def _approved(proposal: MappingRule, actor: str, now: datetime) -> MappingRule:
    status = RuleStatus.ACTIVE if proposal.status is RuleStatus.PROPOSED else RuleStatus.RETIRED
    return replace(proposal, version=proposal.version + 1, status=status, approved_by=actor, created_at=now)


def _refused(proposal: MappingRule, now: datetime) -> MappingRule:
    return replace(proposal, version=proposal.version + 1, status=RuleStatus.REFUSED, created_at=now)


def _same_person(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _standing(connection: Connection, key: RuleKey) -> Standing:
    return mappings.standings(connection, key.company, key.account_code).get(key, Standing(0))
