"""How a SYSPRO table looks when it is staged, against how it looked before.

Belongs here: columns that are gone, new or hold another kind of value, and the number of rows that the service
itself tells. Reading the rows is in `extraction`.

A column that was never served is a matter of the release, and its records go out without it. One that was served and
is gone is a matter of rights: its records would go out with a blank where Basware has a value.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from connector_defs.domain.errors import Fatal
from connector_defs.flows.entities import StagedTable, staged_table
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import audit, control
from connector_defs.syspro import tables
from connector_defs.syspro.conditions import same_text
from connector_defs.syspro.odata import TableMissing

_log = logging.getLogger(__name__)

# GenMaster.Company is char(4): some services pad it, some trim it.
COMPANY_WIDTH = 4
# Tables that are read whole, so that the service's own count says how many rows there must be.
_WHOLE = frozenset({"tax_codes", "gl_accounts", "payment_terms", "suppliers", "supplier_addresses"})


@dataclass(frozen=True)
class Look:
    """The columns of a table now. `missing` and `changed` are among those we read, `new` among the others.

    `kinds` maps every column ever seen to the kind of JSON value it held, "" where only null was seen.
    """

    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)


def look_at(connector: Connector, company: CompanySettings, target: StagedTable) -> Look:
    """Compare the table's columns with those we read and with those it had; an empty table tells none.

    Raises Fatal where a column is gone, or holds another kind of value, so that records would be published wrong;
    and TableMissing.
    """
    if target.name == "cost_centers" and company.cost_centers.source in ("gl_section", "csv"):
        return Look()
    source = target.sources[0]
    with connector.store.read() as connection:
        before = control.seen(connection, company.syspro_company, target.name)
    known = dict(before.columns) if before else {}
    served = connector.odata(company).columns(source)
    if not served or source is tables.GEN_ANALYSIS_CODE:
        return Look(kinds=known)
    folded = {name.casefold() for name in served}
    read = {name.casefold(): name for name in (*target.columns, *source.key)}
    missing = tuple(name for key, name in read.items() if key not in folded)
    _refuse_missing(company, target, missing, {name.casefold() for name in known})
    changed = tuple(
        f"{name}: {known[name]} became {kind}"
        for name, kind in sorted(served.items())
        if name.casefold() in read and kind and known.get(name) and known[name] != kind
    )
    _refuse_changed(company, target, changed)
    new = tuple(sorted(name for name in served if known and name not in known))
    if new:
        _log.info("%s of company %s has new columns: %s", source.name, company.syspro_company, ", ".join(new))
    kinds = known | {name: kind or known.get(name, "") for name, kind in served.items()}
    return Look(missing, new, changed, kinds)


def _refuse_missing(
    company: CompanySettings, target: StagedTable, missing: tuple[str, ...], known: set[str]
) -> None:
    source = target.sources[0]
    vital = [name for name in missing if name in (*target.required, *source.key)]
    if vital:
        raise Fatal(
            f"SYSPRO's OData service does not give {', '.join(vital)} of {source.name} in company "
            f"{company.syspro_company}, without which its records would be published wrong: let the OData "
            "operator see them (field security)"
        )
    gone = [name for name in missing if name.casefold() in known]
    if gone:
        raise Fatal(
            f"SYSPRO's OData service no longer gives {', '.join(gone)} of {source.name} in company "
            f"{company.syspro_company}, and Basware would lose what stands there: let the OData operator see them "
            f"(field security). If they are gone for good: {accepting(company, target)}"
        )


def _refuse_changed(company: CompanySettings, target: StagedTable, changed: tuple[str, ...]) -> None:
    """A text that became a number lost its zeros and blanks; other changes still read as the same value."""
    source = target.sources[0]
    texts = {column.name.casefold() for column in source.columns if column.kind.family == "text"}
    unsafe = [told for told in changed if told.partition(":")[0].casefold() in texts]
    if unsafe:
        raise Fatal(
            f"{source.name} of company {company.syspro_company} gives columns in another form than before "
            f"({'; '.join(unsafe)}), so that keys and codes may no longer be those Basware knows: ask what changed at "
            f"SYSPRO's OData service. If it is meant: {accepting(company, target)}"
        )


def refuse_absent(
    connector: Connector, company: CompanySettings, target: StagedTable, absent: TableMissing
) -> None:
    """A table that a site never had is staged empty; one that was there and is gone would empty Basware's records."""
    with connector.store.read() as connection:
        before = control.seen(connection, company.syspro_company, target.name)
    if before and before.columns:
        raise Fatal(
            f"{absent} It was served before, and Basware would lose what stands there. If it is gone for good: "
            f"{accepting(company, target)}"
        ) from None


def accepting(company: CompanySettings, target: StagedTable) -> str:
    """The command that takes the table as it is now."""
    return f"connector tables accept {target.name} --company {company.syspro_company}"


def told_count(connector: Connector, company: CompanySettings, name: str) -> int | None:
    """The service's own number of rows of a table that is read whole; None where it gives none."""
    if name not in _WHOLE:
        return None
    odata = connector.odata(company)
    if name != "gl_accounts":
        return odata.count(staged_table(name).sources[0])
    ledger = company.gl_company or company.syspro_company
    number = odata.count(tables.GEN_MASTER, same_text("Company", ledger, COMPANY_WIDTH))
    return odata.count(tables.GEN_MASTER) if number == 0 and not company.gl_company else number


def remember(
    connector: Connector,
    company: CompanySettings,
    name: str,
    day: date,
    rows: int,
    counted: int | None,
    kinds: Mapping[str, str],
) -> None:
    """Keep how the table looked, once it is staged whole."""
    now = connector.clock.now()
    table = control.SeenTable(company.syspro_company, name, day, rows, counted, kinds, now)
    with connector.store.write() as connection:
        control.remember(connection, table)


def accept(connector: Connector, company: CompanySettings, name: str, *, actor: str) -> bool:
    """Forget how the table looked, so that the next reading takes it as it is; False where it was never staged."""
    with connector.store.write() as connection:
        before = control.seen(connection, company.syspro_company, name)
        if before is None:
            return False
        control.remember(connection, replace(before, columns={}))
        event = audit.Event(
            chain=f"tables/{company.syspro_company}/{name}",
            company=company.syspro_company,
            key=name,
            action="accepted",
            actor=actor,
            detail={"columns_before": dict(before.columns)},
        )
        audit.append(connection, [event], connector.clock.now())
    return True
