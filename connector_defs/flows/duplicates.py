"""Suppliers that are likely the same: they share a VAT number or a bank account.

Belongs here: finding them among the suppliers staged for a day. Whether they are held back or only reported is the
setting publishing.duplicate_suppliers. Suppliers on hold do not count, so that one of two can be put on hold.
"""

from collections.abc import Sequence
from datetime import date
from importlib import resources

import pyarrow as pa

from connector_defs.flows.entities import DUPLICATES_SCHEMA
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings

CODE = "DUPLICATE_SUPPLIER"
_REMEDY = "put all but one of them on hold in SYSPRO, or correct what they share"
# So many of the others are named.
_NAMED = 5


def supplier_duplicates(connector: Connector, company: CompanySettings, day: date) -> tuple[Problem, ...]:
    """One problem for each supplier staged for `day` that shares something, naming the others; no number is shown.

    Raises Fatal where the suppliers of that day are not staged.
    """
    query = (
        resources.files("connector_defs.flows").joinpath("sql", "supplier_duplicates.sql").read_text("utf-8")
    )
    with connector.staging.partition(("suppliers",), company.syspro_company, day) as duck:
        groups = duck.execute(query).fetchall()
    shared: dict[str, list[str]] = {}
    for kind, members in groups:
        for member in members:
            others = [one for one in members if one is not member]
            shared.setdefault(member["code"], []).append(f"same {kind} as {_named(others)}")
    return tuple(
        Problem(company.syspro_company, "vendors", code, CODE, "; ".join(texts), _REMEDY)
        for code, texts in sorted(shared.items())
    )


def _named(others: Sequence[dict[str, str | None]]) -> str:
    names = [f"supplier {one['code']!r} ({(one['name'] or '').strip()})" for one in others[:_NAMED]]
    more = len(others) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def as_table(problems: Sequence[Problem]) -> pa.Table:
    """The problems as the query of the vendors reads them beside the suppliers."""
    columns = [[problem.key for problem in problems], [problem.reason for problem in problems]]
    return pa.table(columns, schema=DUPLICATES_SCHEMA)


def beside(connector: Connector, company: CompanySettings, entity: str, day: date) -> dict[str, pa.Table]:
    """What the entity's query reads beside the staged tables: the suppliers held back, where a site holds them."""
    if entity != "vendors" or connector.settings.publishing.duplicate_suppliers != "hold":
        return {}
    return {"duplicates": as_table(supplier_duplicates(connector, company, day))}
