"""Data extracts as the net under polling and notifications: what both missed is found in them.

A row of an extract is a hint, never an invoice: an id and the status it had when the extract was made. Whatever
that hint might mean for us is fetched by its id and goes the way of every other invoice (`take_in_documents`).
An extract is acknowledged once all of it is durable here. Not here: the wire (`basware.extracts`).
"""

import json
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final

from connector_defs.basware.documents import AccountingDocument, MalformedDocument
from connector_defs.basware.extract_files import BadExtractFile, ExtractRow, read_rows
from connector_defs.basware.extracts import WAITING_FOR_EXPORT, DataExtract, ExtractFile
from connector_defs.domain.errors import ConnectorError, RecordRefused, RetryLater
from connector_defs.domain.states import State
from connector_defs.flows.intake import ANSWER_REFUSED, OFFERED, Intake, take_in_documents
from connector_defs.flows.reports import ExtractReport, Problem
from connector_defs.flows.runtime import Connector
from connector_defs.points import reach
from connector_defs.private_files import make_folder
from connector_defs.settings import CompanySettings
from connector_defs.store import cursors, extracts, invoices
from connector_defs.store.extracts import StoredExtract
from connector_defs.store.invoices import StoredInvoice
from connector_defs.store.leases import Lease, LeaseTaken, renew

ENTITY: Final = "data_extracts"
_LEASE: Final = "data_extracts"
_BATCH: Final = 200
# Statuses of an invoice that is not to be transferred now. Any other text, an unknown one too, is looked into.
_NOT_OFFERED: Final = frozenset(
    status.casefold()
    for status in (
        *("New", "InDocumentFilter", "DocumentFilterReleased"),
        *("WaitingForPrebook", "PrebookInProgress", "Prebooked", "PrebookFailed"),
        *("WaitingForPrebookCancelation", "PrebookCancelationInProgress", "PrebookCanceled"),
        *("PrebookCancelFailed", "Transferred", "TransferFailed", "Paid"),
        *("WaitingToBeRemoved", "Removed", "RemoveFailed"),
        *("WaitingToBeReturned", "Returned", "ReturnFailed"),
        *("WaitingToBeCompleted", "CompletionInProgress", "Completed", "CompletionFailed"),
    )
)
# An invoice that waits in Basware and is in one of these here is offered again.
_DONE_HERE: Final = frozenset({State.RESPONDED, State.REJECTED, State.WITHDRAWN})


class _Unusable(RecordRefused):
    """The extract cannot be taken in as it is; it stays unacknowledged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code="EXTRACT_UNUSABLE")


@dataclass(frozen=True)
class _Hint:
    """What a row says: an invoice, and the company it belongs to where it says so."""

    invoice_id: str
    company: CompanySettings | None
    settled: bool


@dataclass
class _Found:
    """What the fetched invoices of a batch came to."""

    documents: list[AccountingDocument] = field(default_factory=list)
    malformed: list[tuple[CompanySettings, MalformedDocument]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def take_in_extracts(connector: Connector) -> ExtractReport:
    """Take in every extract that waits for export. Nothing is done where that is off, or not due yet.

    Extracts belong to the tenant: all configured companies are served by one look. Whatever goes wrong is a
    problem of the report and leaves the extract unacknowledged for the next look.
    """
    look = _Look(connector)
    if not extracts_due(connector):
        return look.report()
    try:
        with connector.leases.hold(_LEASE) as lease:
            look.run(lease)
    except LeaseTaken:
        pass
    except ConnectorError as error:
        look.fail("", error)
    return look.report()


def refused_extracts(connector: Connector) -> list[StoredExtract]:
    """Extracts that could not be taken in when they were last tried."""
    with connector.store.read() as connection:
        return extracts.in_state(connection, "refused")


def extracts_due(connector: Connector) -> bool:
    """True where extracts are used and the last look at them is long enough ago."""
    chosen = connector.settings.intake
    if not chosen.data_extracts:
        return False
    now = connector.clock.now()
    with connector.store.read() as connection:
        looked = cursors.get(connection, cursors.TENANT, ENTITY).listed_at
    return looked is None or not now - timedelta(hours=chosen.extract_hours) < looked <= now


class _Look:
    """One look at the extracts of the tenant."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._chosen = connector.settings.intake
        self._started = time.monotonic()
        self._intake = Intake()
        self._extracts = self._rows = 0
        self._problems: list[Problem] = []
        self._new_columns: tuple[str, ...] = ()

    def report(self) -> ExtractReport:
        """What was done so far."""
        return ExtractReport(
            extracts=self._extracts,
            rows=self._rows,
            fetched=self._intake.fetched,
            received=self._intake.received,
            new_columns=self._new_columns,
            seconds=time.monotonic() - self._started,
            problems=tuple(self._problems),
        )

    def fail(self, key: str, error: ConnectorError) -> None:
        """Tell of a failure; the extract, or all of them, wait for the next look."""
        code = error.code if isinstance(error, RecordRefused) else "EXTRACT_FAILED"
        remedy = "it stays unacknowledged and is tried again; invoices are polled all the same"
        self._problems.append(Problem("", ENTITY, key or "–", code, str(error), remedy))

    def run(self, lease: Lease) -> None:
        begun = self._connector.clock.now()
        waiting = self._connector.basware.extracts(WAITING_FOR_EXPORT)
        self._finish_taken({extract.id for extract in waiting})
        open_ones = [extract for extract in waiting if self._is_open(extract)]
        for extract in sorted(open_ones, key=lambda one: (one.made_at, one.id)):
            try:
                self._take_in(lease, extract)
            except RecordRefused as refused:
                self._refuse(extract, refused)
        with self._connector.store.write() as connection:
            cursors.mark_listed(connection, cursors.TENANT, [ENTITY], begun)

    def _is_open(self, extract: DataExtract) -> bool:
        with self._connector.store.read() as connection:
            stored = extracts.get(connection, extract.id)
        return stored is None or stored.state in ("open", "refused")

    def _finish_taken(self, waiting: set[str]) -> None:
        """Extracts that were taken in and not acknowledged, or of which we do not know that they were."""
        with self._connector.store.read() as connection:
            taken = extracts.in_state(connection, "taken")
        for stored in taken:
            if stored.id in waiting:
                self._acknowledge(stored)
            else:
                self._keep(stored, state="acknowledged")

    def _acknowledge(self, stored: StoredExtract) -> None:
        try:
            self._connector.basware.acknowledge_extract(stored.id)
            reach("extract.acknowledged")
        except ConnectorError as error:
            self.fail(stored.id, error)
            return
        self._keep(stored, state="acknowledged")

    def _keep(self, stored: StoredExtract, **changes: object) -> StoredExtract:
        with self._connector.store.write() as connection:
            return extracts.keep(connection, stored, self._connector.clock.now(), **changes)

    @cached_property
    def _columns(self) -> str:
        """The columns of our table as Basware defines it now. Raises _Unusable where one we need is missing."""
        definitions = self._connector.basware.table_definitions()
        if definitions is None:
            return ""
        wanted = self._chosen.extract_table.casefold()
        found = next((one for one in definitions if one.name.casefold() == wanted), None)
        if found is None:
            known = ", ".join(sorted(one.name for one in definitions))
            raise _Unusable(
                f"Basware's extracts have no table {self._chosen.extract_table}, they have {known or 'none'}: "
                "correct intake.extract_table"
            )
        needed = {
            "extract_id_column": self._chosen.extract_id_column,
            "extract_status_column": self._chosen.extract_status_column,
            "extract_company_column": self._chosen.extract_company_column,
        }
        missing = [
            f"{column} (intake.{name})" for name, column in needed.items() if column not in found.columns
        ]
        if missing:
            raise _Unusable(
                f"table {found.name} of Basware's extracts has no column {', '.join(missing)}; "
                f"it has {', '.join(found.columns)}"
            )
        with self._connector.store.read() as connection:
            before = extracts.latest_columns(connection)
        if before:
            self._new_columns = tuple(sorted(set(found.columns) - set(json.loads(before))))
        return json.dumps(sorted(found.columns))

    def _refuse(self, extract: DataExtract, refused: RecordRefused) -> None:
        """Kept with its reason; the next look begins it anew."""
        self.fail(extract.id, refused)
        self._keep(self._stored(extract), state="refused", taken=0, rows=0, reason=str(refused))

    def _stored(self, extract: DataExtract) -> StoredExtract:
        with self._connector.store.read() as connection:
            known = extracts.get(connection, extract.id)
        return known or StoredExtract(extract.id, "open", 0, 0, "", "", self._connector.clock.now())

    def _take_in(self, lease: Lease, extract: DataExtract) -> None:
        begun = self._stored(extract)
        stored = self._keep(begun, state="open", columns=self._columns, reason="", rows=begun.taken)
        already, position = stored.taken, 0
        refused: list[str] = []
        with self._folder() as folder:
            for file in self._files(extract):
                path = folder / uuid.uuid4().hex
                self._connector.basware.download(extract.id, file, path)
                reach("extract.downloaded")
                for batch in _batches(_rows_of(path, file)):
                    position += len(batch)
                    if position > already:
                        stored = self._take_batch(lease, stored, batch, position, refused)
                        self._rows += len(batch)
                path.unlink()
        if refused:
            shown = "; ".join(refused[:3])
            raise _Unusable(f"{len(refused)} of {position} rows cannot be taken in: {shown}")
        stored = self._keep(stored, state="taken")
        reach("extract.stored")
        self._extracts += 1
        self._acknowledge(stored)

    def _files(self, extract: DataExtract) -> list[ExtractFile]:
        """The files with our table, in the order of their names."""
        files = self._connector.basware.extract_files(extract.id)
        if files is None or extract.file_count not in (None, len(files)):
            raise _Unusable(
                f"Basware names {len(files or ())} files of extract {extract.id!r}, which has {extract.file_count}"
            )
        wanted = self._chosen.extract_table.casefold()
        ours = [file for file in files if file.table.casefold() == wanted]
        return sorted(ours, key=lambda file: file.name)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """Where the files lie while they are read; what a killed run left there goes first."""
        folder = self._connector.staging.root / ".extracts"
        try:
            shutil.rmtree(folder, ignore_errors=True)
            make_folder(folder)
            yield folder
        except OSError as error:
            raise RetryLater(f"the files of extracts cannot be kept in {folder}: {error.strerror}") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _take_batch(
        self,
        lease: Lease,
        stored: StoredExtract,
        batch: Sequence[ExtractRow],
        position: int,
        refused: list[str],
    ) -> StoredExtract:
        """Fetch what the rows hint at, and store it together with how far the extract has come."""
        first = position - len(batch) + 1
        hints = []
        for number, row in enumerate(batch, first):
            hint = self._hint(row)
            if isinstance(hint, str):
                refused.append(f"row {number}: {hint}")
            elif hint is not None:
                hints.append(hint)
        found = self._fetch(self._to_fetch(hints))
        refused += found.refused
        now = self._connector.clock.now()
        with self._connector.store.write() as connection:
            renew(connection, lease, now)
            for company in self._connector.companies:
                take_in_documents(
                    self._connector,
                    connection,
                    company,
                    [one for one in found.documents if one.company_code == company.basware_company],
                    [flaw for owner, flaw in found.malformed if owner is company],
                    self._intake,
                )
            # A row that was refused is to be met again, so the rows from it on do not count as done.
            taken = stored.taken if refused else position
            return extracts.keep(connection, stored, now, taken=taken, rows=position)

    def _hint(self, row: ExtractRow) -> _Hint | str | None:
        """What a row hints at; None where it is of no company of ours, a text where it cannot be told."""
        invoice_id = row.values.get(self._chosen.extract_id_column)
        if not isinstance(invoice_id, str) or not invoice_id.strip():
            return row.flaw or f"{self._chosen.extract_id_column} is missing"
        code = row.values.get(self._chosen.extract_company_column)
        company = None
        if isinstance(code, str) and code.strip() and row.flaw is None:
            pairs = {pair.basware_company: pair for pair in self._connector.companies}
            company = pairs.get(code.strip())
            if company is None:
                return None
        status = row.values.get(self._chosen.extract_status_column)
        settled = row.flaw is None and isinstance(status, str) and status.strip().casefold() in _NOT_OFFERED
        return _Hint(invoice_id.strip(), company, settled)

    def _to_fetch(self, hints: Iterable[_Hint]) -> list[_Hint]:
        """Those that may be for transfer and that we do not know, or hold as done."""
        wanted = {hint.invoice_id: hint for hint in hints if not hint.settled}
        known: dict[str, StoredInvoice] = {}
        with self._connector.store.read() as connection:
            for company in self._connector.companies:
                known |= invoices.get_many(connection, company.syspro_company, list(wanted))
        return [hint for hint in wanted.values() if _may_be_offered(known.get(hint.invoice_id))]

    def _fetch(self, hints: Sequence[_Hint]) -> _Found:
        found = _Found()
        with ThreadPoolExecutor(self._connector.settings.basware.max_parallel, "extract") as pool:
            fetched = list(pool.map(self._document, hints))
        self._intake.fetched += len(hints)
        for hint, document in zip(hints, fetched, strict=True):
            match document:
                case AccountingDocument():
                    if document.processing_status in OFFERED:
                        found.documents.append(document)
                case MalformedDocument():
                    owner = hint.company or self._only_company()
                    if owner is None:
                        found.refused.append(str(document))
                    else:
                        found.malformed.append((owner, document))
                case RecordRefused():
                    found.refused.append(str(document))
        return found

    def _document(self, hint: _Hint) -> AccountingDocument | RecordRefused | None:
        try:
            return self._connector.basware.document(hint.invoice_id)
        except RecordRefused as refused:
            return refused

    def _only_company(self) -> CompanySettings | None:
        companies = self._connector.companies
        return companies[0] if len(companies) == 1 else None


def _may_be_offered(stored: StoredInvoice | None) -> bool:
    return stored is None or stored.state in _DONE_HERE or stored.code == ANSWER_REFUSED


def _rows_of(path: Path, file: ExtractFile) -> Iterator[ExtractRow]:
    try:
        yield from read_rows(path)
    except BadExtractFile as bad:
        raise _Unusable(f"file {file.name!r} cannot be read: {bad}") from None


def _batches(rows: Iterator[ExtractRow]) -> Iterator[list[ExtractRow]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch
