"""Fields of a published record that Basware owns: what it holds of them goes back with every record sent.

A POST overwrites the whole record, so what people changed in Basware would be lost by the next change of an
address in SYSPRO. A record that Basware does not hold yet, or never took, goes with SYSPRO's own values.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from connector_defs.basware.entities import ENDPOINTS, WireValue
from connector_defs.flows.delta import Changed
from connector_defs.flows.entities import Entity
from connector_defs.flows.resending import without_nulls
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import records

_log = logging.getLogger(__name__)

Owned = Mapping[str, WireValue]


class TheirFields:
    """What Basware holds, at this moment, of the fields it owns of one entity. For one run."""

    def __init__(self, connector: Connector, company: CompanySettings, entity: Entity) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._listed: dict[str, Owned] | None = None

    def of(self, rows: Sequence[Changed], code_of: Callable[[Changed], str], held: int) -> dict[str, Owned]:
        """By externalCode, for those of `rows` that Basware holds; `held` is about how many it holds in all."""
        if not self._entity.owned_there:
            return {}
        theirs = {code_of(changed): changed for changed in self._theirs(rows)}
        pages = held // ENDPOINTS[self._entity.name].page_limit + 1
        if self._listed is None and len(theirs) > pages * self._connector.settings.basware.max_parallel:
            self._listed = self._list()
        if self._listed is None:
            return self._ask(list(theirs))
        known = {code: self._listed[code] for code in theirs if code in self._listed}
        # A list may be short of a record that we know to be there.
        missing = [code for code, changed in theirs.items() if code not in known and changed.held_by_basware]
        return known | self._ask(missing)

    def _theirs(self, rows: Sequence[Changed]) -> list[Changed]:
        """The records whose fields are Basware's: all but those it refused whenever they were sent."""
        failed = [changed.key for changed in rows if changed.failed_before]
        with self._connector.store.read() as connection:
            taken = records.ever_confirmed(
                connection, self._entity.name, self._company.syspro_company, failed
            )
        return [changed for changed in rows if not changed.failed_before or changed.key in taken]

    def _list(self) -> dict[str, Owned]:
        """A record that cannot be read is left out: it is asked for by itself, where it is about to be sent."""
        found = {}
        for page in self._connector.basware.list_entities(
            self._entity.name, company_code=self._company.basware_company, on_flaw=_log.warning
        ):
            for record in page:
                found[str(record.get("externalCode"))] = self._owned(record)
        return found

    def _ask(self, codes: Sequence[str]) -> dict[str, Owned]:
        if not codes:
            return {}
        parallel = self._connector.settings.basware.max_parallel
        with ThreadPoolExecutor(parallel, thread_name_prefix="owned") as pool:
            answers = pool.map(lambda code: self._connector.basware.entity(self._entity.name, code), codes)
            return {
                code: self._owned(record)
                for code, record in zip(codes, answers, strict=True)
                if record is not None
            }

    def _owned(self, record: Mapping[str, WireValue]) -> Owned:
        return {
            name: without_nulls(value)
            for name in self._entity.owned_there
            if (value := record.get(name)) is not None
        }


def keeping(
    record: Mapping[str, WireValue], theirs: Owned | None, names: Sequence[str]
) -> dict[str, WireValue]:
    """`record` with Basware's own values in the fields `names`; as it is where Basware holds none (`theirs` None)."""
    if theirs is None:
        return dict(record)
    return {**{name: value for name, value in record.items() if name not in names}, **theirs}
