"""GL mapping as people work with it: look at the rules, set one, and see what it frees."""

from connector_defs.domain.errors import Fatal
from connector_defs.domain.gl_mapping import ANY, MappingRule
from connector_defs.flows.evaluation import release_mapped
from connector_defs.flows.runtime import Connector
from connector_defs.store import mappings

_ACCOUNT_LIMIT = 50
_GL_CODE_LIMIT = 35


def rules(connector: Connector, company_name: str | None = None) -> list[MappingRule]:
    """The rules in force."""
    company = connector.settings.company(company_name).syspro_company if company_name else None
    with connector.store.read() as connection:
        return mappings.in_force(connection, company)


def set_rule(
    connector: Connector,
    company_name: str,
    account_code: str,
    cost_center: str | None,
    gl_code: str,
    *,
    actor: str,
    reason: str,
) -> tuple[MappingRule, int]:
    """Set (account, cost centre or any) -> GL code. Returns the rule and how many invoices it freed.

    The GL code itself is checked against SYSPRO when an invoice is posted to it.
    """
    company = connector.settings.company(company_name)
    for what, value, limit in (
        ("account code", account_code, _ACCOUNT_LIMIT),
        ("GL code", gl_code, _GL_CODE_LIMIT),
    ):
        if not value.strip() or len(value) > limit:
            raise Fatal(f"{what} {value!r} must have 1 to {limit} characters")
    with connector.store.write() as connection:
        rule = mappings.add(
            connection,
            company.syspro_company,
            account_code,
            cost_center or ANY,
            gl_code,
            author=actor,
            reason=reason,
            now=connector.clock.now(),
        )
    return rule, release_mapped(connector, company)
