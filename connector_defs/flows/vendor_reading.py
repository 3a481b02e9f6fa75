"""Which vendors a comparison reads from Basware: those sent there since the last one, or, now and then, all.

The cursor is the largest `lastUpdated` met, never a clock, and a stretch before it is read again. What moves that
field for a vendor is not published beyond "last sent to the API" (Basware wire notes 2.8), so the whole list is
read once a day. Not here: what becomes of a vendor.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from connector_defs.basware.entities import WireValue
from connector_defs.flows.polling import moment_of
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import cursors

SOURCE = "vendors"

Record = Mapping[str, WireValue]


@dataclass
class VendorReading:
    """One reading of a company's vendors. `whole`: all of them; `keeps`: its end moves the cursor."""

    connector: Connector
    company: CompanySettings
    whole: bool
    keeps: bool
    begun_at: datetime
    since: datetime | None
    # What of the list could not be read, one text for each vendor.
    flaws: list[str] = field(default_factory=list, init=False)
    _newest: datetime | None = field(default=None, init=False)

    def pages(self) -> Iterator[tuple[list[dict[str, WireValue]], bool]]:
        """The pages, each with whether it is the last; one empty page where there are none.

        Whoever stores the last one calls `keep` in the same transaction.
        """
        listed = self.connector.basware.list_entities(
            SOURCE,
            company_code=self.company.basware_company,
            last_updated=self.since,
            on_flaw=self.flaws.append,
        )
        page = next(listed, [])
        for following in listed:
            yield self._noted(page), False
            page = following
        yield self._noted(page), True

    def _noted(self, page: list[dict[str, WireValue]]) -> list[dict[str, WireValue]]:
        for record in page:
            stamp = record.get("lastUpdated")
            moment = moment_of(stamp if isinstance(stamp, str) else None)
            if moment is not None and (self._newest is None or moment > self._newest):
                self._newest = moment
        return page

    def keep(self, connection: Connection) -> None:
        """The list was read to its end: the next poll begins where this one ended."""
        if not self.keeps:
            return
        company = self.company.syspro_company
        # A lastUpdated ahead of our own clock would blind the polls until then; lower is always safe.
        newest = None if self._newest is None else min(self._newest, self.begun_at)
        if not self.whole:
            before = cursors.get(connection, company, SOURCE).last_updated
            if before is not None and (newest is None or newest < before):
                newest = before
        cursors.keep(connection, company, SOURCE, newest)
        if self.whole:
            cursors.mark_listed(connection, company, [SOURCE], self.begun_at)


def whole_list(connector: Connector, company: CompanySettings) -> VendorReading:
    """All vendors; moves no cursor."""
    return VendorReading(connector, company, True, False, connector.clock.now(), None)


def begin(connector: Connector, company: CompanySettings, updated_from: date | None = None) -> VendorReading:
    """The reading that is due now. With `updated_from` it reads again from that day on and moves no cursor."""
    now = connector.clock.now()
    if updated_from is not None:
        return VendorReading(
            connector, company, False, False, now, datetime.combine(updated_from, time.min, UTC)
        )
    chosen = connector.settings.enrichment
    with connector.store.read() as connection:
        kept = cursors.get(connection, company.syspro_company, SOURCE)
    age = timedelta(hours=chosen.full_list_hours)
    # A reading of the future is one from before this machine's clock was set back.
    listed = kept.listed_at is not None and now - age < kept.listed_at <= now
    if not listed or kept.last_updated is None:
        return VendorReading(connector, company, True, True, now, None)
    since = kept.last_updated - timedelta(hours=chosen.overlap_hours)
    return VendorReading(connector, company, False, True, now, since)
