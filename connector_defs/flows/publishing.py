"""Records to Basware: translated, packed, sent, and confirmed one by one.

HTTP 200 means received, so a record counts as published only when requestStatus says so. A refused record is
opened again and goes with the next run, touched, because Basware ignores an identical one. What is gone from
SYSPRO is closed or made inactive, never deleted.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import pyarrow as pa
from pydantic import ValidationError

from connector_defs.basware.batches import pack
from connector_defs.basware.entities import ENDPOINTS, to_wire
from connector_defs.basware.entities import Entity as WireEntity
from connector_defs.basware.wire import encode
from connector_defs.domain.translation.context import Note, Translated, Untranslatable
from connector_defs.flows import duplicates, late_errors
from connector_defs.flows.comparison import Comparison
from connector_defs.flows.delta import Changed
from connector_defs.flows.entities import Entity
from connector_defs.flows.entities import entity as entity_named
from connector_defs.flows.outcomes import FollowUp, lane
from connector_defs.flows.ownership import Owned, TheirFields, keeping
from connector_defs.flows.reports import DateWindow, Problem, PublishNote, PublishReport
from connector_defs.flows.resending import closed, touch, touched
from connector_defs.flows.runtime import Connector
from connector_defs.flows.sending import Sending
from connector_defs.settings import CompanySettings
from connector_defs.store import mappings, records
from connector_defs.store.leases import Lease
from connector_defs.store.records import Record, RecordState

# So few records may be closed in one run whatever their share.
_ALWAYS_ALLOWED = 20


@dataclass
class _Tally:
    quarantined: int = 0
    deactivated: int = 0
    problems: list[Problem] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)
    # Note -> how many records have it, and the key of the first.
    notes: dict[Note, tuple[int, str]] = field(default_factory=dict)


def publish(
    connector: Connector, company: CompanySettings, entity: str, partition: date, *, first: date | None = None
) -> PublishReport:
    """Compare the staged partition with what Basware has, send what differs, wait for the outcome.

    With `first`, the partitions of all days from there to `partition` are one set of rows.

    Raises LeaseTaken where another worker publishes this entity of the company: what it has under way would be sent
    a second time.
    """
    started = time.monotonic()
    window = DateWindow(first or partition, partition)
    with connector.leases.hold(lane(company, entity)) as lease:
        return _Publisher(connector, company, entity_named(entity), lease).run(window, started)


class _Publisher:
    def __init__(self, connector: Connector, company: CompanySettings, entity: Entity, lease: Lease) -> None:
        self._connector = connector
        self._company = company
        self._entity = entity
        self._lease = lease
        self._endpoint = ENDPOINTS[entity.name]
        self._site = connector.site(company)
        self._tally = _Tally()
        self._their_fields = TheirFields(connector, company, entity)
        self._follow_up = FollowUp(connector, company, entity.name, lease)
        self._sending = Sending(connector, company.syspro_company, entity.name, lease, self._follow_up)
        # Lines that P2P has in a form which is no longer true, and no other can be made: invoices must not match it.
        self._withdrawn: set[str] = set()
        # Suppliers that look like another one, by key.
        self._duplicates: dict[str, Problem] = {}

    def run(self, window: DateWindow, started: float) -> PublishReport:
        carried = self._catch_up()
        with self._comparison(window) as comparison:
            self._send(self._prepared(comparison))
            with self._follow_up.looking_ahead():
                if self._entity.name == "matchingOrderLines":
                    self._sending.mark_finished(comparison.staged_orders())
                self._learn_identities()
            counts = comparison.counts
            gone = [*comparison.gone(), *sorted(self._withdrawn)]
            gone = self._believable(gone, comparison.active(), counts.total())
            self._send(self._farewells(gone, comparison.read_at))
            comparison.remember()
        self._follow_up.wait()
        again = self._send_again(window)
        tally, receipts, after = self._tally, self._sending.receipts, self._follow_up.report()
        return PublishReport(
            company=self._company.syspro_company,
            entity=self._entity.name,
            staged=counts.total(),
            unchanged=counts["unchanged"],
            sent=receipts.sent + receipts.refused - again,
            requests=receipts.requests,
            confirmed=receipts.confirmed + after.confirmed,
            pending=after.pending,
            failed=after.failed + receipts.refused,
            quarantined=counts["quarantined"] + tally.quarantined,
            deactivated=tally.deactivated,
            held=counts["held"] + counts["in_flight"],
            superseded=counts["superseded"],
            asked_for=comparison.asked_for,
            seconds=time.monotonic() - started,
            problems=(*tally.problems, *receipts.problems, *after.problems),
            notes=tuple(
                PublishNote(
                    self._company.syspro_company, self._entity.name, note.code, note.text, note.remedy, *found
                )
                for note, found in tally.notes.items()
            ),
            carried=carried,
            in_flight=counts["in_flight"],
        )

    def _comparison(self, window: DateWindow) -> Comparison:
        """Look for duplicates before any supplier is sent; the query needs them only where they are held back."""
        beside: dict[str, pa.Table] = {}
        if self._entity.name == "vendors":
            found = duplicates.supplier_duplicates(self._connector, self._company, window.last)
            self._duplicates = {problem.key: problem for problem in found}
            if self._connector.settings.publishing.duplicate_suppliers == "hold":
                beside["duplicates"] = duplicates.as_table(found)
        return Comparison(self._connector, self._company, self._entity, self._site, window, beside)

    def _catch_up(self) -> int:
        """What earlier runs left open, or what failed since, is known before anything is compared.

        Returns how many records have no outcome even so.
        """
        earlier = FollowUp(self._connector, self._company, self._entity.name, self._lease)
        earlier.look()
        late_errors.reopen(self._connector, self._company, self._entity.name, self._lease)
        return earlier.still_open

    def _send(self, prepared: Iterator[tuple[Record, bytes]]) -> None:
        self._sending.send(pack(prepared, self._endpoint.batch_limit))

    def _send_again(self, window: DateWindow) -> int:
        """Records whose outcome does not tell whether P2P has them go once more, touched; returns how many."""
        doubtful = set(self._follow_up.send_again)
        if not doubtful:
            return 0
        going: set[str] = set()

        def noted(prepared: Iterator[tuple[Record, bytes]]) -> Iterator[tuple[Record, bytes]]:
            for record, body in prepared:
                going.add(record.key)
                yield record, body

        with self._comparison(window) as comparison:
            self._send(noted(self._prepared(comparison, doubtful)))
            if self._entity.name == "matchingOrderLines":
                # Some of an order's lines went, which marked it once more.
                self._sending.mark_finished(comparison.staged_orders())
        for key in going:
            del self._follow_up.failed[key]
        self._follow_up.wait()
        return len(going)

    def _record(self, changed: Changed, state: RecordState, code: str = "", reason: str = "") -> Record:
        return Record(
            entity=self._entity.name,
            company=self._company.syspro_company,
            key=changed.key,
            external_code=self._code_of(changed),
            parent=changed.dependency if self._entity.name == "matchingOrderLines" else "",
            hash=changed.hash,
            state=state,
            active=1,
            touches=changed.touches,
            request_id="",
            code=code,
            reason=reason,
            updated_at=self._connector.clock.now(),
            confirmed_before=int(changed.confirmed_before),
            read_at=changed.read_at,
        )

    def _code_of(self, changed: Changed) -> str:
        key = changed.key.rsplit("/", 1) if self._entity.name == "matchingOrderLines" else [changed.key]
        return self._site.external_code(self._entity.name, *key)

    def _prepared(
        self, comparison: Comparison, only: Collection[str] | None = None
    ) -> Iterator[tuple[Record, bytes]]:
        """What is to go, translated; all of it, or these keys alone."""
        held = comparison.active()
        for verdict, rows in comparison.changes():
            self._sending.keep_lease()
            if verdict == "held":
                self._hold(rows)
                continue
            refused: list[Record] = []
            wanted = rows if only is None else [changed for changed in rows if changed.key in only]
            theirs = self._their_fields.of(wanted, self._code_of, held)
            for changed in wanted:
                prepared = self._translate(changed, theirs)
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

    def _translate(self, changed: Changed, theirs: Mapping[str, Owned]) -> tuple[Record, bytes] | Record:
        try:
            translated = self._entity.translate(changed.sole_row(), self._site)
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
        self._take_notes(changed.key, translated)
        record = self._record(changed, "sent")
        if record.parent:
            self._sending.expect_lines(record.parent, changed.together)
        touches = changed.touches + 1 if changed.failed_before else changed.touches
        record = replace(record, active=int(translated.active), touches=touches)
        wire = to_wire(self._touched(translated, touches))
        return record, encode(keeping(wire, theirs.get(record.external_code), self._entity.owned_there))

    def _take_notes(self, key: str, translated: Translated) -> None:
        if key in self._duplicates:
            self._tally.problems.append(self._duplicates[key])
        for note in translated.notes:
            number, first = self._tally.notes.get(note, (0, key))
            self._tally.notes[note] = (number + 1, first)

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
            self._sending.keep_lease()
            held = self._connector.basware.entity(self._entity.name, record.external_code)
            # No content hash: if the record comes back in SYSPRO it differs, and is sent again.
            gone_here = replace(
                record,
                state="confirmed",
                active=0,
                hash=records.GONE,
                code="GONE",
                reason="",
                updated_at=now,
                confirmed_before=int(record.state == "confirmed" and record.hash != records.FORCED),
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
