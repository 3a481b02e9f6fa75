"""Vendors of Basware compared with suppliers of SYSPRO: what would change there is a table first.

Basware owns the payment term and the tax id of a supplier. Each difference is stored as proposed (or approved, where
the setting says so), or as a question for a person. Nothing is written to SYSPRO here: `supplier_updates` does that.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from connector_defs.basware.entities import WireValue
from connector_defs.domain.enrichment import (
    INACTIVE,
    MALFORMED,
    SEVERAL_VENDORS,
    BadVendor,
    Difference,
    EnrichmentRules,
    Field,
    Note,
    SupplierFacts,
    VendorFacts,
    differences,
    facts_of,
    unknown_supplier,
    why_not_compared,
)
from connector_defs.flows import vendor_reading
from connector_defs.flows.enrichment_changes import decide, superseded
from connector_defs.flows.enrichment_reports import (
    AWAITS_APPROVAL,
    ENTITY,
    EnrichmentReport,
    problem_of,
    shown,
)
from connector_defs.flows.reports import Problem
from connector_defs.flows.runtime import Connector
from connector_defs.flows.supplier_rows import SupplierRows
from connector_defs.flows.vendor_reading import VendorReading
from connector_defs.points import reach
from connector_defs.settings import CompanySettings
from connector_defs.store import enrichment as store
from connector_defs.store.enrichment import OPEN, Change, Enrichment
from connector_defs.store.leases import Lease, LeaseTaken

# Of so many unknown vendors SYSPRO is asked for suppliers that look alike: a tenant may hold thousands of others'.
_ASKED_ABOUT = 50
_NOT_COMPARED = "nothing to do, unless it should be one of SYSPRO's suppliers"


def lease_name(company: CompanySettings) -> str:
    """The lease under which the differences of a company are changed, by runs and by people."""
    return f"enrichment/{company.syspro_company}"


def compare(
    connector: Connector, company: CompanySettings, *, updated_from: date | None = None
) -> EnrichmentReport:
    """Compare the vendors that are due, and keep what differs. With `updated_from`, those sent since that day."""
    started = time.monotonic()
    comparison = _Comparison(connector, company)
    try:
        with connector.leases.hold(lease_name(company)) as lease:
            comparison.keep(lease, vendor_reading.begin(connector, company, updated_from))
    except LeaseTaken as taken:
        comparison.problem("lease", "LANE_TAKEN", str(taken), "nothing to do: the other run compares")
    with connector.store.read() as connection:
        rows = store.in_states(connection, [*OPEN, "rejected"], company.syspro_company)
    return comparison.report(rows, started, dry_run=False)


def preview(
    connector: Connector, company: CompanySettings, *, updated_from: date | None = None
) -> EnrichmentReport:
    """What a comparison of all vendors, or of those sent since `updated_from`, would find. Nothing is stored."""
    started = time.monotonic()
    comparison = _Comparison(connector, company)
    if updated_from is None:
        reading = vendor_reading.whole_list(connector, company)
    else:
        reading = vendor_reading.begin(connector, company, updated_from)
    rows = comparison.foresee(reading)
    return comparison.report(rows, started, dry_run=True)


class _Comparison:
    def __init__(self, connector: Connector, company: CompanySettings) -> None:
        self._connector = connector
        self._company = company
        self._site = connector.site(company)
        self._rows = SupplierRows(connector, company)
        self._automatic = connector.settings.enrichment.apply == "automatic"
        self._calls_before = connector.basware.calls.total()
        self._vendors = self._compared = 0
        self._to_ask_about = _ASKED_ABOUT
        self._actions: Counter[str] = Counter()
        self._notes: list[Note] = []
        self._problems: list[Problem] = []

    def keep(self, lease: Lease, reading: VendorReading) -> None:
        """Store what follows, page by page; the last page moves the cursor in the same transaction."""
        for changes, _, is_last in self._decided(reading):
            if changes:
                reach("enrichment.compared")
            with self._connector.store.write() as connection:
                store.save(connection, lease, changes, self._connector.clock.now())
                if is_last:
                    reading.keep(connection)
            self._actions.update(change.action for change in changes)

    def foresee(self, reading: VendorReading) -> list[Enrichment]:
        """The differences found, each as it would stand afterwards."""
        return [row for _, rows, _ in self._decided(reading) for row in rows]

    def _decided(self, reading: VendorReading) -> Iterator[tuple[list[Change], list[Enrichment], bool]]:
        """For each page: changes to store, the differing fields as they then stand, and whether it is the last."""
        others: list[VendorFacts] = []
        ours: set[str] = set()
        rules = self._rules()
        for page, is_last in reading.pages():
            self._vendors += len(page)
            # A list that moves while it is read may show a vendor twice: the later one is the newer.
            own: dict[str, VendorFacts] = {}
            for vendor in self._comparable(page, rules.scheme):
                if vendor.external_code == self._site.external_code("vendors", vendor.code):
                    own[vendor.code] = vendor
                    ours.add(vendor.code)
                else:
                    others.append(vendor)
            if is_last and reading.whole:
                # Only the whole list tells whether a vendor under another code stands for the supplier alone.
                own |= {vendor.code: vendor for vendor in self._standing_alone(others, ours)}
            yield *self._judged(list(own.values()), rules), is_last
        for flaw in reading.flaws:
            self._malformed(flaw.partition(":")[0], flaw)

    def _comparable(self, page: Sequence[Mapping[str, WireValue]], scheme: str) -> Iterator[VendorFacts]:
        for record in page:
            try:
                vendor = facts_of(record, scheme)
            except BadVendor as bad:
                key = str(record.get("vendorCode") or record.get("externalCode") or "?")
                self._malformed(key, str(bad))
                continue
            if vendor.companies and self._company.basware_company not in vendor.companies:
                continue
            note = why_not_compared(vendor, self._site.source_system)
            if note is None:
                yield vendor
            else:
                self._notes.append(note)

    def _malformed(self, key: str, flaw: str) -> None:
        self.problem(
            key[:40], MALFORMED, f"the vendor cannot be read: {flaw}", "correct the vendor in Basware"
        )

    def _standing_alone(self, others: Sequence[VendorFacts], ours: set[str]) -> list[VendorFacts]:
        """Vendors that did not come from this connector, where they are the only ones of their code."""
        count = Counter(vendor.code for vendor in others)
        alone = []
        for vendor in others:
            if vendor.code in ours or count[vendor.code] > 1:
                reason = (
                    f"Basware has several vendors of code {vendor.code!r}; this one is {vendor.external_code}"
                )
                self._notes.append(Note(vendor.code, SEVERAL_VENDORS, reason))
            else:
                alone.append(vendor)
        return alone

    def _judged(
        self, vendors: Sequence[VendorFacts], rules: EnrichmentRules
    ) -> tuple[list[Change], list[Enrichment]]:
        suppliers = self._rows.by_code(vendor.code for vendor in vendors)
        self._note_unknown([vendor for vendor in vendors if vendor.code not in suppliers])
        with self._connector.store.read() as connection:
            known = store.of_suppliers(connection, self._company.syspro_company, sorted(suppliers))
        changes: list[Change] = []
        standing: list[Enrichment] = []
        for vendor in vendors:
            supplier = suppliers.get(vendor.code)
            if supplier is None:
                continue
            self._compared += 1
            found = self._found(vendor, supplier, rules)
            for field in Field:
                before = known.get((vendor.code, field.value))
                change = self._decision(vendor, found.get(field), before)
                if change is not None:
                    changes.append(change)
                after = change.row if change is not None else before
                if field in found and after is not None:
                    standing.append(after)
        return changes, standing

    def _found(
        self, vendor: VendorFacts, supplier: SupplierFacts, rules: EnrichmentRules
    ) -> dict[Field, Difference]:
        found = {one.field: one for one in differences(vendor, supplier, rules)}
        if vendor.active or not found:
            return found
        fields = ", ".join(found)
        reason = f"the vendor is inactive in Basware and differs in {fields}: nothing is taken over from it"
        self._notes.append(Note(vendor.code, INACTIVE, reason))
        # Who changed a bank account of an inactive vendor is a question all the same.
        return {field: one for field, one in found.items() if field is Field.BANK_DATA}

    def _decision(
        self, vendor: VendorFacts, found: Difference | None, known: Enrichment | None
    ) -> Change | None:
        now = self._connector.clock.now()
        name = self._company.syspro_company
        change = decide(name, vendor, found, known, now, automatic=self._automatic)
        if change is None or found is not None or vendor.active:
            return change
        return superseded(change.row, now, "the vendor is inactive in Basware")

    def _note_unknown(self, vendors: Sequence[VendorFacts]) -> None:
        active = [vendor for vendor in vendors if vendor.active]
        asked = active[: self._to_ask_about]
        self._to_ask_about -= len(asked)
        alike = self._rows.alike(vendor.code for vendor in asked)
        self._notes += [unknown_supplier(vendor, alike.get(vendor.code, ())) for vendor in active]

    def _rules(self) -> EnrichmentRules:
        chosen = self._connector.settings.enrichment
        fields = frozenset(Field(name) for name in chosen.fields)
        return EnrichmentRules(
            scheme=chosen.identifier_scheme,
            fields=fields,
            tax_id_length=chosen.tax_id_length,
            terms=self._rows.terms() if Field.PAYMENT_TERMS in fields else None,
        )

    def problem(self, key: str, code: str, reason: str, remedy: str) -> None:
        """Keep something that a person must know."""
        self._problems.append(Problem(self._company.syspro_company, ENTITY, key, code, reason, remedy))

    def report(self, rows: Sequence[Enrichment], started: float, *, dry_run: bool) -> EnrichmentReport:
        """What was found, with `rows` as the table of differences."""
        company = self._company.syspro_company
        states = Counter(row.state for row in rows)
        problems = [problem for row in rows if (problem := problem_of(row)) is not None]
        if dry_run:
            # What would be proposed is the answer to the question, nothing that waits.
            problems = [problem for problem in problems if problem.code != AWAITS_APPROVAL]
        return EnrichmentReport(
            company=company,
            dry_run=dry_run,
            vendors=self._vendors,
            compared=self._compared,
            proposed=states["proposed"],
            approved=states["approved"] + states["applying"],
            review=states["review"],
            rejected=states["rejected"],
            failed=states["failed"],
            superseded=self._actions["enrichment superseded"],
            basware_requests=self._connector.basware.calls.total() - self._calls_before,
            seconds=time.monotonic() - started,
            changes=tuple(shown(row) for row in rows),
            notes=tuple(
                Problem(company, ENTITY, note.vendor, note.code, note.reason, _NOT_COMPARED)
                for note in self._notes
            ),
            problems=(*self._problems, *problems),
        )
