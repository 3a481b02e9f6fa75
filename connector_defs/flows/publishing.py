"""Records to Basware: translated, packed, sent, and confirmed one by one.

HTTP 200 means received, so a record counts as published only when requestStatus says so. A refused record is
opened again and goes with the next run, touched, because Basware ignores an identical one. What is gone from
SYSPRO is closed or made inactive, never deleted.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pydantic import ValidationError

from connector_defs.basware.answers import Receipt
from connector_defs.basware.batches import pack
from connector_defs.basware.entities import ENDPOINTS, to_wire
from connector_defs.basware.entities import Entity as WireEntity
from connector_defs.basware.wire import encode
from connector_defs.domain.errors import ConnectorError, RecordRefused
from connector_defs.domain.translation.context import Translated, Untranslatable
from connector_defs.flows.comparison import Comparison
from connector_defs.flows.delta import Changed
from connector_defs.flows.entities import Entity
from connector_defs.flows.entities import entity as entity_named
from connector_defs.flows.outcomes import REMEDY, follow_up
from connector_defs.flows.reports import DateWindow, Problem, PublishReport
from connector_defs.flows.resending import closed, touch, touched
from connector_defs.flows.runtime import Connector
from connector_defs.settings import CompanySettings
from connector_defs.store import mappings, records
from connector_defs.store.records import Record, RecordState

# So few records may be closed in one run whatever their share.
_ALWAYS_ALLOWED = 20

Batch = list[tuple[Record, bytes]]


@dataclass
class _Tally:
    sent: int = 0
    requests: int = 0
    confirmed: int = 0
    refused: int = 0
    quarantined: int = 0
    deactivated: int = 0
    problems: list[Problem] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)


def publish(
    connector: Connector, company: CompanySettings, entity: str, partition: date, *, first: date | None = None
) -> PublishReport:
    """Compare the staged partition with what Basware has, send what differs, wait for the outcome.

    With `first`, the partitions of all days from there to `partition` are one set of rows.
    """
    started = time.monotonic()
    window = DateWindow(first or partition, partition)
    return _Publisher(connector, company, entity_named(entity)).run(window, started)


class _Publisher:
    def __init__(self, connector: Connector, company: CompanySettings, entity: Entity) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._endpoint = ENDPOINTS[entity.name]
        self._site = connector.site(company)
        self._tally = _Tally()
        self._stopped: ConnectorError | None = None
        self._lines_left: dict[str, int] = {}
        # Lines that P2P has in a form which is no longer true, and no other can be made: invoices must not match it.
        self._withdrawn: set[str] = set()

    def run(self, window: DateWindow, started: float) -> PublishReport:
        follow_up(self._connector, self._company, wait=False, entity=self._entity.name)
        with Comparison(self._connector, self._company, self._entity, self._site, window) as delta:
            self._send_all(pack(self._prepared(delta), self._endpoint.batch_limit))
            self._mark_finished()
            counts = delta.counts
            gone = [*delta.gone(), *sorted(self._withdrawn)]
            gone = self._believable(gone, delta.active(), counts.total())
            self._send_all(pack(self._farewells(gone, delta.read_at), self._endpoint.batch_limit))
            delta.remember()
        self._learn_identities()
        after = follow_up(self._connector, self._company, wait=True, entity=self._entity.name)
        tally = self._tally
        return PublishReport(
            company=self._company.syspro_company,
            entity=self._entity.name,
            staged=counts.total(),
            unchanged=counts["unchanged"],
            sent=tally.sent + tally.refused,
            requests=tally.requests,
            confirmed=tally.confirmed + after.confirmed,
            pending=after.pending,
            failed=after.failed + tally.refused,
            quarantined=counts["quarantined"] + tally.quarantined,
            deactivated=tally.deactivated,
            held=counts["held"] + counts["in_flight"],
            superseded=counts["superseded"],
            seconds=time.monotonic() - started,
            problems=(*tally.problems, *after.problems),
        )

    def _record(self, changed: Changed, state: RecordState, code: str = "", reason: str = "") -> Record:
        return Record(
            entity=self._entity.name,
            company=self._company.syspro_company,
            key=changed.key,
            external_code=self._site.external_code(self._entity.name, *changed.key.rsplit("/", 1))
            if self._entity.name == "matchingOrderLines"
            else self._site.external_code(self._entity.name, changed.key),
            parent=changed.dependency if self._entity.name == "matchingOrderLines" else "",
            hash=changed.hash,
            state=state,
            active=1,
            touches=changed.touches,
            request_id="",
            code=code,
            reason=reason,
            updated_at=self._connector.clock.now(),
            read_at=changed.read_at,
        )

    def _prepared(self, delta: Comparison) -> Iterator[tuple[Record, bytes]]:
        for verdict, rows in delta.changes():
            if verdict == "held":
                self._hold(rows)
                continue
            refused: list[Record] = []
            for changed in rows:
                prepared = self._translate(changed)
                if isinstance(prepared, Record):
                    # Kept back as active means: P2P still has it. A farewell that was refused goes again, touched.
                    withdraw = changed.held_by_basware and self._entity.name == "matchingOrderLines"
                    touches = changed.touches + changed.failed_before
                    refused.append(replace(prepared, active=int(withdraw), touches=touches))
                    if withdraw:
                        self._withdrawn.add(changed.key)
                else:
                    yield prepared
            self._quarantine(refused)

    def _translate(self, changed: Changed) -> tuple[Record, bytes] | Record:
        try:
            translated = self._entity.translate(changed.row, self._site)
        except Untranslatable as refusal:
            self._problem(changed.key, refusal.code, refusal.reason, refusal.remedy)
            return self._record(changed, "quarantined", refusal.code, refusal.reason)
        except ValidationError as error:
            reason = "; ".join(
                f"{'.'.join(str(part) for part in flaw['loc'])}: {flaw['msg']}"
                for flaw in error.errors(include_url=False, include_input=False)
            )
            self._problem(changed.key, "OVER_LIMIT", reason, "correct the record in SYSPRO")
            return self._record(changed, "quarantined", "OVER_LIMIT", reason)
        if self._entity.name == "accounts" and translated.active:
            self._tally.identities.append(changed.key)
        record = self._record(changed, "sent")
        if record.parent:
            self._lines_left.setdefault(record.parent, changed.together)
        touches = changed.touches + 1 if changed.failed_before else changed.touches
        record = replace(record, active=int(translated.active), touches=touches)
        return record, encode(to_wire(self._touched(translated, touches)))

    def _touched(self, translated: Translated, touches: int) -> WireEntity:
        if not touches:
            return translated.entity
        return touch(translated.entity, self._entity.touch_field, touches)

    def _quarantine(self, refused: list[Record]) -> None:
        if not refused:
            return
        self._tally.quarantined += len(refused)
        with self._connector.store.write() as connection:
            records.save(connection, refused, "quarantined")

    def _hold(self, rows: list[Changed]) -> None:
        waits_for = self._entity.depends_on
        held = [
            self._record(
                changed,
                "held",
                "WAITS",
                f"{waits_for} {changed.dependency.strip()!r} is not confirmed in P2P",
            )
            for changed in rows
        ]
        with self._connector.store.write() as connection:
            records.save(connection, held, "held")

    def _send_all(self, batches: Iterator[Batch]) -> None:
        """Send with as many requests under way as the settings allow; outcomes are stored as they come."""
        parallel = self._connector.settings.basware.max_parallel
        under_way: dict[Future[Receipt], Batch] = {}
        with ThreadPoolExecutor(parallel, thread_name_prefix="publish") as pool:
            for batch in batches:
                if len(under_way) >= parallel:
                    self._take(under_way)
                if self._stopped:
                    break
                self._mark_unfinished(batch)
                under_way[self._submit(pool, batch)] = batch
            while under_way:
                self._take(under_way)
        if self._stopped:
            raise self._stopped

    def _submit(self, pool: ThreadPoolExecutor, batch: Batch) -> Future[Receipt]:
        self._tally.requests += 1
        return pool.submit(self._connector.basware.post, self._entity.name, [body for _, body in batch])

    def _take(self, under_way: dict[Future[Receipt], Batch]) -> None:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            batch = under_way.pop(future)
            try:
                self._received(batch, future.result())
            except RecordRefused as refusal:
                self._fail([record for record, _ in batch], refusal.code, str(refusal))
            except ConnectorError as error:
                # What else is under way may get through, and then its request id must not be lost.
                self._stopped = self._stopped or error

    def _mark_unfinished(self, batch: Batch) -> None:
        """Remember the orders of which more lines follow before P2P can see the first (invariant I10)."""
        orders = Counter(record.parent for record, _ in batch if record.parent in self._lines_left)
        for order, lines in orders.items():
            self._lines_left[order] -= lines
        unfinished = [order for order in orders if self._lines_left[order] > 0]
        for order in orders.keys() - set(unfinished):
            del self._lines_left[order]
        if unfinished:
            self._mark(unfinished, unfinished=True)

    def _mark_finished(self) -> None:
        """Every line has a record by now, whose state tells whether its order is complete."""
        if self._entity.name == "matchingOrderLines":
            with self._connector.store.read() as connection:
                marked = records.unfinished_orders(connection, self._company.syspro_company)
            self._mark(marked, unfinished=False)

    def _mark(self, orders: list[str], *, unfinished: bool) -> None:
        now, company = self._connector.clock.now(), self._company.syspro_company
        with self._connector.store.write() as connection:
            records.mark_orders(connection, company, orders, unfinished=unfinished, now=now)

    def _received(self, batch: Batch, receipt: Receipt) -> None:
        sent = [record for record, _ in batch]
        if receipt.accepted and receipt.request_id:
            now = self._connector.clock.now()
            request_id = receipt.request_id
            self._tally.sent += len(sent)
            with self._connector.store.write() as connection:
                stamped = [replace(record, request_id=request_id, updated_at=now) for record in sent]
                records.open_request(connection, request_id, receipt.client_request_id, stamped, now)
            return
        if receipt.accepted:
            self._look_for(sent)
            return
        self._refused(batch, receipt)

    def _look_for(self, sent: list[Record]) -> None:
        """Records taken without a request id: whether Basware holds them tells what became of them."""
        look = self._connector.basware.entity
        missing = [record for record in sent if look(record.entity, record.external_code) is None]
        there = [record for record in sent if record not in missing]
        now = self._connector.clock.now()
        with self._connector.store.write() as connection:
            found = [replace(record, state="confirmed", updated_at=now) for record in there]
            records.save(connection, found, "confirmed")
        self._tally.sent += len(there)
        self._tally.confirmed += len(there)
        if missing:
            reason = "Basware gave no request id and does not hold the record"
            self._fail(missing, "NO_REQUEST_ID", reason)

    def _refused(self, batch: Batch, receipt: Receipt) -> None:
        """A refused request: fail the records that are named, send the others again without them."""
        reasons: dict[str, list[str]] = {}
        for error in receipt.errors:
            reasons.setdefault(error.external_code or "", []).append(f"{error.code}: {error.message}")
        named = [record for record, _ in batch if record.external_code in reasons]
        rest = [(record, body) for record, body in batch if record.external_code not in reasons]
        if not named and len(batch) == 1:
            named, rest = [batch[0][0]], []
        for record in named:
            texts = reasons.get(record.external_code) or [
                text for found in reasons.values() for text in found
            ]
            self._fail([record], f"HTTP_{receipt.http_status}", "; ".join(texts)[:1000])
        middle = len(rest) if named else (len(rest) + 1) // 2
        for part in (rest[:middle], rest[middle:]):
            if part:
                self._send_all(iter([part]))

    def _fail(self, failed: Sequence[Record], code: str, reason: str) -> None:
        now = self._connector.clock.now()
        self._tally.refused += len(failed)
        with self._connector.store.write() as connection:
            records.save(
                connection,
                [
                    replace(record, state="failed", code=code, reason=reason, updated_at=now)
                    for record in failed
                ],
                "refused",
            )
        for record in failed:
            self._problem(record.key, code, reason, REMEDY)

    def _problem(self, key: str, code: str, reason: str, remedy: str) -> None:
        self._tally.problems.append(
            Problem(self._company.syspro_company, self._entity.name, key, code, reason, remedy)
        )

    def _believable(self, gone: list[str], active: int, staged: int) -> list[str]:
        """`gone`, or nothing where so much of it looks like a failed read rather than the truth."""
        share = self._connector.settings.publishing.deactivate_at_most
        if not gone or share >= 1 or (staged and len(gone) <= max(_ALWAYS_ALLOWED, share * active)):
            return gone
        self._problem(
            self._entity.sources[0],
            "GONE_TOO_MANY",
            f"SYSPRO shows {staged} records and lacks {len(gone)} known ones, while one run may close "
            f"{_ALWAYS_ALLOWED} or {share:.0%} of the {active} confirmed and open ones: none was closed",
            "check the OData operator's rights and the company in SYSPRO; if it is meant, set "
            "`publishing.deactivate_at_most = 1.0` for one run",
        )
        return []

    def _farewells(self, gone: list[str], read_at: datetime) -> Iterator[tuple[Record, bytes]]:
        """Complete records of what SYSPRO no longer has, as Basware holds them, marked as closed."""
        with self._connector.store.read() as connection:
            known = records.by_keys(connection, self._entity.name, self._company.syspro_company, gone)
        now = self._connector.clock.now()
        for record in known.values():
            held = self._connector.basware.entity(self._entity.name, record.external_code)
            # No content hash: if the record comes back in SYSPRO it differs, and is sent again.
            gone_here = replace(
                record,
                state="confirmed",
                active=0,
                hash="gone",
                code="GONE",
                reason="",
                updated_at=now,
                read_at=max(record.read_at, read_at),
            )
            if held is None:
                kept_back = replace(record, active=0, updated_at=now)
                with self._connector.store.write() as connection:
                    records.save(
                        connection, [kept_back if record.key in self._withdrawn else gone_here], "gone"
                    )
                continue
            self._tally.deactivated += 1
            farewell = closed(self._entity.name, held)
            touches = record.touches + (record.state == "failed")
            if touches:
                farewell = touched(farewell, self._entity.touch_field, touches)
            yield replace(gone_here, state="sent", touches=touches), encode(farewell)

    def _learn_identities(self) -> None:
        if self._tally.identities:
            with self._connector.store.write() as connection:
                mappings.add_identities(
                    connection,
                    self._company.syspro_company,
                    self._tally.identities,
                    self._connector.clock.now(),
                )
