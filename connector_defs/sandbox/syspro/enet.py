"""The operations of the e.net REST service, from named parameters to answer text.

Source: SYSPRO wire notes 1.2 to 1.6. HTTP, faults and encoding are the app's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lxml import etree

from connector_defs.sandbox.syspro import apsssp, comfnd, gentjl
from connector_defs.sandbox.syspro.apstin import ApInvoicePosting
from connector_defs.sandbox.syspro.apstin_rules import InvoiceRules
from connector_defs.sandbox.syspro.ledger import Ledger
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.syspro.periods import Periods
from connector_defs.sandbox.syspro.sessions import EnetError, Session, Sessions
from connector_defs.sandbox.syspro.xml_replies import reply
from connector_defs.sandbox.world.ledger_codes import LOCAL_CURRENCY
from connector_defs.sandbox.world.tables import TableStore

VERSION = "8.0.0.21"
NOT_LICENSED = "e.net exception raised: 100000"
LARGE_POST = "transaction/postld"
SetupAction = Literal["Add", "Update", "Delete"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One path under `/Rest`: its proper name, the parameters that must be there, its fault site."""

    name: str
    parameters: tuple[str, ...]
    site: str | None


_POST = ("UserId", "BusinessObject", "XmlParameters", "XmlIn")
OPERATIONS: Mapping[str, Operation] = {
    each.name.lower(): each
    for each in (
        Operation("Logon", ("Operator", "OperatorPassword", "CompanyId", "CompanyPassword"), "syspro.logon"),
        Operation("Logoff", ("UserId",), "syspro.logoff"),
        Operation("GetLogonProfile", ("UserId",), "syspro.profile"),
        Operation("GetVersion", (), None),
        Operation("SystemInformation", (), None),
        Operation("Query/Query", ("UserId", "BusinessObject", "XmlIn"), "syspro.query"),
        Operation("Query/Browse", ("UserId", "XmlIn"), "syspro.query"),
        Operation("Query/Fetch", ("UserId", "XmlIn"), "syspro.query"),
        Operation("Setup/Add", _POST, "syspro.setup"),
        Operation("Setup/Update", _POST, "syspro.setup"),
        Operation("Setup/Delete", _POST, "syspro.setup"),
        Operation("Transaction/Post", _POST, "syspro.transaction"),
        Operation("Transaction/PostLD", _POST, "syspro.transaction"),
        Operation("Transaction/Build", ("UserId", "BusinessObject", "XmlIn"), "syspro.query"),
    )
}


@dataclass(frozen=True, slots=True)
class EnetService:
    """Business objects behind sessions. Not thread-safe: the owner holds a lock."""

    tables: dict[str, TableStore]
    company: str
    sessions: Sessions
    ledger: Ledger
    periods: Periods
    options: SysproOptions
    clock: Callable[[], datetime]

    def answer(self, operation: Operation, values: Mapping[str, str], admitted: Session | None = None) -> str:
        """The answer text of one call; what e.net refuses becomes `ERROR: …`.

        `admitted` is the session of a call whose id was checked earlier: it runs even if that one has ended.
        """
        try:
            return self._answer(operation, values, admitted)
        except EnetError as error:
            return f"ERROR: {error}"

    def _answer(self, operation: Operation, values: Mapping[str, str], admitted: Session | None) -> str:
        match operation.name:
            case "Logon":
                return self.sessions.logon(*(values[name] for name in operation.parameters))
            case "Logoff":
                return self.sessions.logoff(values["UserId"])
            case "GetVersion" | "SystemInformation":
                return VERSION
        session = admitted or self.sessions.check(values["UserId"])
        if operation.name == "GetLogonProfile":
            return self._profile(session)
        area, _, action = operation.name.partition("/")
        run = self._business_objects(session, action, values).get(
            (area, values.get("BusinessObject", "").upper())
        )
        if run is None or action in ("Browse", "Fetch", "Build"):
            raise EnetError(NOT_LICENSED)
        return run()

    def _business_objects(
        self, session: Session, action: str, values: Mapping[str, str]
    ) -> dict[tuple[str, str], Callable[[], str]]:
        """The business objects this service is licensed for, ready to run on one call."""
        parameters, xml_in = values.get("XmlParameters", ""), values.get("XmlIn", "")
        today = self.clock().date()
        journals = gentjl.JournalPosting(
            self.ledger, self.periods, self.tables["GenMaster"], self.company, today
        )
        return {
            ("Query", "COMFND"): lambda: comfnd.find(self.tables, xml_in),
            ("Transaction", "APSTIN"): lambda: self._ap_posting().post(session, parameters, xml_in),
            ("Transaction", "GENTJL"): lambda: journals.post(parameters, xml_in),
            ("Setup", "APSSSP"): lambda: apsssp.SupplierSetup(self.tables).apply(action, parameters, xml_in),
        }

    def _ap_posting(self) -> ApInvoicePosting:
        return ApInvoicePosting(
            self.ledger,
            self.periods,
            InvoiceRules(
                self.tables, self.company, self.clock().date(), duplicate_check=self.options.duplicate_check
            ),
            gl_at_once=self.options.gl_integration == "immediate",
            strict_schema=self.options.strict_schema,
        )

    def _profile(self, session: Session) -> str:
        year, month = self.periods.current()
        today = self.clock().date().isoformat()
        return reply(
            "UserInfo",
            [
                ("CompanyId", session.company),
                ("CompanyName", "Lakeside Castings Inc"),
                ("OperatorCode", session.operator),
                ("OperatorGroup", "AP"),
                ("AccountingDate", today),
                ("CompanyDate", today),
                ("ApYear", str(year)),
                ("ApMonth", f"{month:02d}"),
                ("DefaultApBranch", "10"),
                ("DefaultBank", "1"),
                ("LocalCurrencyCode", LOCAL_CURRENCY),
                ("DecimalFormat", "1"),
                ("DateFormat", "01"),
                ("DatabaseType", "SQL"),
                ("SysproVersion", VERSION),
                ("EnetVersion", VERSION),
            ],
        )


def large_post_values(body: bytes) -> dict[str, str] | None:
    """Parameters out of a TransactionPostLD body; None when it is not one."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return None
    names = etree.QName(root)
    if names.localname != "TransactionPostLD" or names.namespace != "http://SYSPROWcfService":
        return None
    return {etree.QName(child).localname: child.text or "" for child in root if isinstance(child.tag, str)}
