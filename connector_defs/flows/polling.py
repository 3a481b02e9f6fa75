"""Which invoices a poll asks Basware for: those that moved since the last poll, or, now and then, all of them.

The cursor of a list is the largest `lastUpdated` met in it, never a clock. What that field promises is not
published (Basware wire notes 2.8), so a poll asks again for a stretch before it, and every list is read whole
once a day: an invoice that moved behind the cursor is found then. Not here: what becomes of an invoice.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from connector_defs.basware.documents import DocumentPage
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import cursors
from connector_defs.store.cursors import Cursor

# Before it there was no Basware; a lastUpdated from there is a missing one.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Round:
    """One reading of a company's lists. `full`: whole; `keeps`: its end moves the cursors.

    A full round that was not finished (`finish`) is full again the next time.
    """

    connector: Connector
    company: CompanySettings
    full: bool
    keeps: bool
    begun_at: datetime
    since: dict[str, datetime | None]
    _newest: dict[str, datetime] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def pages(self, status: str) -> Iterator[DocumentPage]:
        """The pages of one list. Whoever stores the last one calls `keep` in the same transaction."""
        none_yet = True
        for page in self.connector.basware.documents(
            self.company.basware_company, status, last_updated=self.since[status]
        ):
            none_yet = False
            self._note(status, page)
            yield page
        if none_yet:
            with self.connector.store.write() as connection:
                self.keep(connection, status)

    def _note(self, status: str, page: DocumentPage) -> None:
        for document in page.documents:
            moment = moment_of(document.last_updated)
            if moment is not None:
                self._newest[status] = max(self._newest.get(status, moment), moment)

    def keep(self, connection: Connection, status: str) -> None:
        """The list was read to its end: the next poll begins where this one ended."""
        self._ended.add(status)
        if not self.keeps:
            return
        newest = self._newest.get(status)
        if newest is not None:
            # A lastUpdated ahead of our own clock would blind the polls until then; lower is always safe.
            newest = min(newest, self.begun_at)
        if not self.full:
            before = cursors.get(connection, self.company.syspro_company, status).last_updated
            if before is not None and (newest is None or newest < before):
                newest = before
        cursors.keep(connection, self.company.syspro_company, status, newest)

    def finish(self) -> None:
        """Everything that follows from this round is done."""
        if self.full and self.keeps and self._ended == set(self.since):
            with self.connector.store.write() as connection:
                cursors.mark_listed(connection, self.company.syspro_company, self.since.keys(), self.begun_at)


def begin(
    connector: Connector,
    company: CompanySettings,
    statuses: Sequence[str],
    updated_from: date | None = None,
    *,
    whole: bool = False,
) -> Round:
    """The round that is due now. With `updated_from` it reads again from that day on and moves no cursor."""
    now = connector.clock.now()
    if updated_from is not None:
        since = datetime.combine(updated_from, time.min, UTC)
        return Round(connector, company, False, False, now, dict.fromkeys(statuses, since))
    kept = _cursors(connector, company, statuses)
    if whole or _is_due(connector, kept.values(), now):
        return Round(connector, company, True, True, now, dict.fromkeys(statuses))
    overlap = timedelta(hours=connector.settings.intake.overlap_hours)
    polled = {
        status: cursor.last_updated - overlap if cursor.last_updated else None
        for status, cursor in kept.items()
    }
    return Round(connector, company, False, True, now, polled)


def full_list_due(connector: Connector, company: CompanySettings, statuses: Sequence[str]) -> str | None:
    """A text that stands for the full round due now; None where none is."""
    kept = _cursors(connector, company, statuses)
    if not _is_due(connector, kept.values(), connector.clock.now()):
        return None
    return "/".join(str(cursor.listed_at) for cursor in kept.values())


def moment_of(text: str | None) -> datetime | None:
    """A lastUpdated as an instant, UTC where it names no zone; None where it is none that can be read."""
    try:
        moment = datetime.fromisoformat(text or "")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment >= _EARLIEST else None


def _cursors(connector: Connector, company: CompanySettings, statuses: Sequence[str]) -> dict[str, Cursor]:
    with connector.store.read() as connection:
        return {status: cursors.get(connection, company.syspro_company, status) for status in statuses}


def _is_due(connector: Connector, kept: Iterable[Cursor], now: datetime) -> bool:
    age = timedelta(hours=connector.settings.intake.full_list_hours)
    # A round of the future is one from before this machine's clock was set back.
    return any(cursor.listed_at is None or not now - age < cursor.listed_at <= now for cursor in kept)
