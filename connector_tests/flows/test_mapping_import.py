"""Imports of GL mapping rules: what would change, what is refused and why, whom it frees; all of it or nothing."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.domain.errors import RetryLater
from connector_defs.domain.gl_mapping import RuleKey, RuleStatus
from connector_defs.flows import mapping, mapping_import
from connector_defs.flows.mapping_files import write_rules
from connector_defs.flows.mapping_import import ImportReport, import_rules
from connector_defs.store import audit, mappings
from connector_tests.flows.pair import ACCOUNT, Pair, assert_books_agree, invoice, open_pair, row

OTHER = "00-6010"
HEADER = "company,account_code,cost_center,dimensions,gl_code,valid_from,valid_to,reason,status"


def brought(
    pair: Pair, tmp_path: Path, *lines: str, dry_run: bool = False, header: str = HEADER, actor: str = "ann"
) -> ImportReport:
    path = tmp_path / "rules.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return import_rules(pair.connector, path, actor=actor, reason="chart of 2027", dry_run=dry_run)


def told(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(change.line, change.kind, change.rule.gl_code) for change in report.changes]


def refused(report: ImportReport) -> dict[int, str]:
    return {one.line: one.reason for one in report.refused}


def waiting(pair: Pair, **fields: Any) -> str:
    (one,) = pair.approve(invoice("W-1", codingRows=[row(accountCode="NEW")], **fields))
    pair.run()
    return one


def test_every_line_is_compared_with_the_rules_in_force(pair: Pair, tmp_path: Path) -> None:
    for account in ("A", "B", "C", "D"):
        pair.map(account)
    mapping.retire_rule(pair.connector, RuleKey("M1", "D"), actor="ann", reason="gone")
    report = brought(
        pair,
        tmp_path,
        f"M1,NEW,,,{OTHER},,,new,",
        f"1000,A,,,{OTHER},,,,",
        f",B,,,{ACCOUNT},,,another reason alone is no change,active",
        ",C,,,,,,over,retired",
        ",D,,,,,,,retired",
        f",A,CC1,dim1=NORTH;project=P-7,{OTHER},2027-01-01,2027-12-31,,",
    )
    assert told(report) == [
        (2, "added", OTHER),
        (3, "changed", OTHER),
        (4, "unchanged", ACCOUNT),
        (5, "retired", ACCOUNT),
        (6, "unchanged", ""),
        (7, "added", OTHER),
    ]
    assert (report.imported, report.refused, report.unchecked) == (True, (), "")
    kept = {rule.key: rule for rule in mapping.rules(pair.connector)}
    assert RuleKey("M1", "C") not in kept
    assert kept[RuleKey("M1", "A")].version == 2
    assert (kept[RuleKey("M1", "A")].reason, kept[RuleKey("M1", "NEW")].reason) == ("chart of 2027", "new")
    assert kept[RuleKey("M1", "A")].author == "ann"
    dated = kept[RuleKey("M1", "A", "CC1", (("dim1", "NORTH"), ("project", "P-7")), date(2027, 1, 1))]
    assert dated.valid_to == date(2027, 12, 31)
    assert audit.verify(pair.connector.store).ok


def test_a_dry_run_changes_nothing_and_names_the_invoices_it_would_free(pair: Pair, tmp_path: Path) -> None:
    one = waiting(pair)
    line = f",NEW,,,{ACCOUNT},,,,"
    dry = brought(pair, tmp_path, line, dry_run=True)
    assert (dry.imported, dry.released, told(dry)) == (False, 0, [(2, "added", ACCOUNT)])
    (freed,) = dry.frees
    assert (freed.invoice_id, freed.number, freed.gross) == (one, "W-1", Decimal("108.25"))
    assert (freed.company, freed.supplier, freed.currency) == ("M1", "000000000000001", "USD")
    assert [rule.account_code for rule in mapping.rules(pair.connector)] == [ACCOUNT]
    assert pair.state(one) == "needs_mapping/UNMAPPED_ACCOUNT"
    real = brought(pair, tmp_path, line)
    assert (real.imported, real.released, real.frees) == (True, 1, dry.frees)
    pair.run()
    assert pair.state(one) == "responded"
    assert_books_agree(pair)


def test_an_invoice_that_stays_unmapped_is_not_named(pair: Pair, tmp_path: Path) -> None:
    pair.approve(
        invoice(
            "W-1", codingRows=[row("50.00", "0", accountCode="NEW"), row("50.00", key="r2", accountCode="X")]
        )
    )
    pair.run()
    assert brought(pair, tmp_path, f",NEW,,,{ACCOUNT},2026-12-01,,,", dry_run=True).frees == ()
    assert brought(pair, tmp_path, f",NEW,,,{ACCOUNT},,,,", dry_run=True).frees == ()
    both = (f",NEW,,,{ACCOUNT},,,,", f",X,,,{ACCOUNT},,,,")
    assert len(brought(pair, tmp_path, *both, dry_run=True).frees) == 1


def test_one_refused_line_keeps_all_of_them_out(pair: Pair, tmp_path: Path) -> None:
    report = brought(pair, tmp_path, f",A,,,{ACCOUNT},,,,", ",B,,,,,,,")
    assert (report.imported, report.clean) == (False, False)
    assert told(report) == [(2, "added", ACCOUNT)]
    assert refused(report) == {3: "the GL code is missing"}
    assert [rule.account_code for rule in mapping.rules(pair.connector)] == [ACCOUNT]


@pytest.mark.parametrize(
    ("line", "reason", "remedy"),
    [
        (f"M9,A,,,{ACCOUNT},,,,", "company 'M9' is unknown", "known pairs"),
        (f",{'a' * 51},,,{ACCOUNT},,,,", "has 51 characters, at most 50", "correct the line"),
        (f",,,,{ACCOUNT},,,,", "the account code is missing", "correct the line"),
        (f",A,,dim77=N,{ACCOUNT},,,,", "there is no dimension 'dim77'", "name=code;name=code"),
        (f",A,,,{ACCOUNT},31.12.2026,,,", "valid_from '31.12.2026' is no date", "2026-01-31"),
        (f",A,,,{ACCOUNT},20260131,,,", "valid_from '20260131' is no date", "2026-01-31"),
        (f",A,,,{ACCOUNT},,2026-02-30,,", "valid_to '2026-02-30' is no date", "2026-01-31"),
        (f",A,,,{ACCOUNT},2026-02-01,2026-01-01,,", "it ends on 2026-01-01, before", "correct the line"),
        (f",A,,,{ACCOUNT},,,,maybe", "status 'maybe' is unknown", "retired"),
        (",A,,,,,,,retired", "there is no such rule to withdraw", "leave the line out"),
        (f",A,,,{ACCOUNT},,,,,more", "it has 10 cells", "format the column as text"),
        (",A,,,99-9999,,,,", "GL code '99-9999' is not in SYSPRO", "exactly as SYSPRO has it"),
        (",A,,,00-2100,,,,", "GL code '00-2100' is a control account", "name another GL code"),
        (",A,,,00-9000,,,,", "GL code '00-9000' is of type S, not postable", "name another GL code"),
    ],
)
def test_a_refused_line_tells_its_reason_and_what_to_do(
    pair: Pair, tmp_path: Path, line: str, reason: str, remedy: str
) -> None:
    report = brought(pair, tmp_path, f",FINE,,,{ACCOUNT},,,,", line)
    (one,) = report.refused
    assert (one.line, report.imported) == (3, False)
    assert reason in one.reason
    assert remedy in one.remedy


def test_a_code_on_hold_is_refused_only_where_the_line_changes_something(pair: Pair, tmp_path: Path) -> None:
    pair.map("OLD", "00-6990-CONTRACT-LABOUR-PEAK")
    pair.sandbox.world.tables["GenMaster"].update(
        ("M1", "00-6990-CONTRACT-LABOUR-PEAK"), {"AccOnHldFlag": "Y"}
    )
    same = ",OLD,,,00-6990-CONTRACT-LABOUR-PEAK,,,,"
    assert told(brought(pair, tmp_path, same))[0][1] == "unchanged"
    new = same.replace("OLD", "NEW")
    assert "is on hold in SYSPRO" in refused(brought(pair, tmp_path, same, new))[3]


def test_two_lines_about_the_same_rule_are_refused_by_their_numbers(pair: Pair, tmp_path: Path) -> None:
    report = brought(
        pair,
        tmp_path,
        f"M1,A,,dim1=N;dim2=S,{ACCOUNT},,,,",
        f",A,,,{ACCOUNT},,,,",
        f"1000,A,,dim2=S;dim1=N,{OTHER},,,,",
    )
    assert refused(report) == {4: "line 2 is about the same rule"}


def test_without_syspro_the_codes_are_not_checked_and_the_import_says_so(pair: Pair, tmp_path: Path) -> None:
    pair.faults.arm("http_503", times=1000, site="syspro.odata")
    report = brought(pair, tmp_path, ",A,,,99-9999,,,,")
    assert report.imported
    assert "OData" in report.unchecked


def test_several_companies_must_be_named(folder: Path, tmp_path: Path) -> None:
    with open_pair(folder) as pair:
        first = pair.connector.settings.companies[0]
        second = first.model_copy(update={"syspro_company": "M2", "basware_company": "2000"})
        pair.connector.settings = pair.connector.settings.model_copy(update={"companies": (first, second)})
        report = brought(pair, tmp_path, f",A,,,{ACCOUNT},,,,", f"M1,A,,,{ACCOUNT},,,,")
    (one,) = report.refused
    assert (one.line, one.reason) == (2, "it names no company, and several are configured")
    assert one.remedy == "write one of M1, M2"


def test_what_was_exported_is_imported_as_unchanged(published: Pair, tmp_path: Path) -> None:
    hostile = ("=1+1", "-2", "\t@x", "'=1", "0100", "1E5")
    for text in hostile:
        mapping.set_rule(
            published.connector,
            "M1",
            text,
            text,
            ACCOUNT,
            actor="ann",
            reason=text,
            dimensions=(("dim1", text),),
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 12, 31),
        )
    rules = mapping.rules(published.connector)
    for name in ("rules.csv", "rules.xlsx"):
        write_rules(tmp_path / name, rules, overwrite=False)
        report = import_rules(
            published.connector, tmp_path / name, actor="bob", reason="again", dry_run=False
        )
        assert report.imported
        assert report.count("unchanged") == len(report.changes) == len(rules) > len(hostile) + 5
    assert mapping.rules(published.connector) == rules


def test_a_rule_changed_by_somebody_meanwhile_stops_the_import(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = mapping_import._code_flaws

    def meanwhile(*arguments: Any) -> Any:
        pair.map("A", OTHER)
        return check(*arguments)

    monkeypatch.setattr(mapping_import, "_code_flaws", meanwhile)
    with pytest.raises(RetryLater, match="somebody changed a rule while"):
        brought(pair, tmp_path, f",A,,,{ACCOUNT},,,,", f",B,,,{ACCOUNT},,,,")
    assert sorted(rule.account_code for rule in mapping.rules(pair.connector)) == [ACCOUNT, "A"]


class TestSecondApprover:
    @pytest.fixture
    def careful(self, folder: Path) -> Iterator[Pair]:
        with open_pair(folder, mapping={"second_approver": True}) as opened:
            yield opened

    def test_imported_rules_wait_for_another_person_who_frees_the_invoices(
        self, careful: Pair, tmp_path: Path
    ) -> None:
        one = waiting(careful)
        line = f",NEW,,,{ACCOUNT},,,,"
        report = brought(careful, tmp_path, line)
        assert (report.proposed, report.imported, report.released) == (True, True, 0)
        assert [freed.invoice_id for freed in report.frees] == [one]
        assert careful.state(one) == "needs_mapping/UNMAPPED_ACCOUNT"
        assert told(brought(careful, tmp_path, line)) == [(2, "unchanged", ACCOUNT)]
        approval = mapping.approve_all(careful.connector, "M1", actor="bob", reason="checked")
        assert (len(approval.decided), approval.released) == (1, 1)
        careful.run()
        assert careful.state(one) == "responded"

    def test_an_imported_withdrawal_is_a_proposal_too(self, careful: Pair, tmp_path: Path) -> None:
        with careful.connector.store.write() as connection:
            mappings.add_identities(connection, "M1", [ACCOUNT], careful.connector.clock.now())
        line = f",{ACCOUNT},,,,,,over,retired"
        assert told(brought(careful, tmp_path, line)) == [(2, "retired", ACCOUNT)]
        assert told(brought(careful, tmp_path, line))[0][1] == "unchanged"
        (proposal,) = mapping.proposals(careful.connector)
        assert proposal.status is RuleStatus.RETIRING
        assert len(mapping.rules(careful.connector)) == 1
