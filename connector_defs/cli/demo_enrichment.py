"""The demo's enrichment of suppliers: changed in Basware, shown first, approved, written, and not sent back.

A bank account changed there is none of it: it is found by the comparison of records, and SYSPRO's goes back.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from connector_defs.cli import enrichment_tables
from connector_defs.cli.demo_pass import Check, run_flow
from connector_defs.cli.opening import actor, opened
from connector_defs.cli.sandbox_process import SandboxProcess
from connector_defs.cli.terminal import busy, say

_TERMS, _TAX_ID = "TermsCode", "TaxRegnNum"


def enriched(sandbox: SandboxProcess, number: int) -> Iterator[Check]:
    """People change `number` vendors; none of this where there are too few suppliers."""
    from connector_defs.flows import enrichment, enrichment_decisions
    from connector_defs.flows.record_reconciliation import reconcile_records, resend

    if not number:
        return
    changes = sandbox.enrich_vendors(number)
    kinds = ", ".join(f"{count} × {kind}" for kind, count in Counter(one["kind"] for one in changes).items())
    say(f"Enrichment: people in Basware change {number} vendors ({kinds})", "bold")
    before = sandbox.suppliers()
    with opened() as connector, busy("Comparing vendors with suppliers"):
        enrichment_tables.compared(
            [enrichment.preview(connector, company) for company in connector.companies]
        )
    unchanged = sandbox.suppliers() == before
    first = run_flow("enrichment")
    with opened() as connector:
        for company in connector.companies:
            enrichment_decisions.approve(connector, company, None, actor=actor())
    second = run_flow("enrichment")
    enrichment_tables.written(second.supplier_updates)
    writes = sandbox.writes()
    third = run_flow("master-data")
    writes = sandbox.writes() - writes
    say(f"Writes of master data by the next run: {writes}.\n")
    with opened() as connector, busy("Comparing master data and orders"):
        differing = reconcile_records(connector)
        found = {(each.entity, each.key) for each in differing.differences}
        resend(connector, differing, actor=actor())
    fourth = run_flow("master-data")
    sent_again = sum(report.confirmed for report in fourth.published)
    wanted = _wanted(before, changes)
    after = sandbox.suppliers()
    wrong = [code for code in after if after[code] != wanted[code]]
    applied = sum(report.applied for report in second.supplier_updates)
    steps = [*first.failed_steps, *second.failed_steps, *third.failed_steps, *fourth.failed_steps]
    tampered = {("vendors", one["vendor_code"]) for one in changes if one["kind"] == "bank account"}
    yield Check(
        "a dry run and a proposal change nothing in SYSPRO",
        unchanged and not any(report.sent for report in first.supplier_updates),
        f"{len(before):,} suppliers compared",
    )
    yield Check(
        "approved payment terms and tax ids stand in SYSPRO, and nothing else is changed",
        not wrong and applied == _fields(changes) and not steps,
        f"{applied} of {_fields(changes)} fields, {len(wrong)} suppliers otherwise",
    )
    yield Check("what came from Basware is not sent back", writes == 0, f"{writes} sent")
    yield Check(
        "a bank account changed in Basware is found, and SYSPRO's goes back",
        found == tampered and sent_again == len(tampered),
        f"{len(found & tampered)} of {len(tampered)} found, {sent_again} sent again",
    )


def _fields(changes: list[dict[str, Any]]) -> int:
    return sum(bool(one["terms"]) + bool(one["tax_id"]) for one in changes)


def _wanted(
    before: Mapping[str, Mapping[str, Any]], changes: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Every supplier as it must stand afterwards."""
    wanted = {code: dict(row) for code, row in before.items()}
    for one in changes:
        row = wanted[one["vendor_code"]]
        row[_TERMS] = one["terms"] or row[_TERMS]
        row[_TAX_ID] = one["tax_id"] or row[_TAX_ID]
    return wanted
