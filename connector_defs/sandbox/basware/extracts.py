"""Data Access API: zipped extracts of AP Automation tables (wire notes 6.5). One table, made on demand.

An extract is a snapshot taken when it is made; the columns of IA_INVOICE here are the sandbox's own choice,
since their real names are published to customers only.
"""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from connector_defs.sandbox.basware.answer import Answer, Call, instant, ok
from connector_defs.sandbox.basware.schema import Record, encode

TABLE = "IA_INVOICE"
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("INVOICE_ID", "invoiceId", "varchar(36)"),
    ("INVOICE_NUMBER", "invoiceNumber", "varchar(100)"),
    ("COMPANY_CODE", "companyCode", "varchar(32)"),
    ("SUPPLIER_CODE", "supplierCode", "varchar(25)"),
    ("INVOICE_DATE", "invoiceDate", "datetime"),
    ("CURRENCY_CODE", "currencyCode", "varchar(3)"),
    ("GROSS_SUM", "grossSum", "numeric(28,10)"),
    ("PROCESSING_STATUS", "processingStatus", "varchar(50)"),
    ("LAST_UPDATED", "lastUpdated", "datetime"),
)
_RECORDS_PER_FILE = 100_000


@dataclass(slots=True)
class Extract:
    """One snapshot and its files."""

    id: str
    type: str
    start: datetime
    end: datetime
    files: list[list[Record]]
    status: str = "WaitingForExport"


class Extracts:
    """Extracts over the documents. The first is Initial, each later one a Delta since the one before."""

    def __init__(self, documents: Mapping[str, Record], clock: Callable[[], datetime]) -> None:
        self._documents = documents
        self._clock = clock
        self.made: dict[str, Extract] = {}

    def make(self) -> Extract:
        """Take a snapshot of what changed since the last one."""
        before = list(self.made.values())[-1] if self.made else None
        now = self._clock()
        start = before.end if before else datetime(2000, 1, 1, tzinfo=now.tzinfo)
        rows = [
            {column: document.get(name) for column, name, _ in COLUMNS}
            for document in self._documents.values()
            if before is None or document["lastUpdated"] > instant(start)
        ]
        files = [rows[n : n + _RECORDS_PER_FILE] for n in range(0, len(rows), _RECORDS_PER_FILE)]
        extract = Extract(
            f"extract-{len(self.made) + 1}", "Delta" if before else "Initial", start, now, files
        )
        self.made[extract.id] = extract
        return extract

    def list(self, call: Call) -> Answer:
        """Extracts that are available; the first look makes the initial one."""
        if not self.made:
            self.make()
        status = call.query.get("processingStatus")
        return ok([_view(each) for each in self.made.values() if status in (None, each.status)])

    def get(self, call: Call) -> Answer:
        """The files of one extract with their download addresses."""
        extract = self.made.get(call.params["extractId"])
        if extract is None:
            return Answer(404, encode({"detail": "Not Found"}))
        return ok(
            [
                {
                    "extractId": extract.id,
                    "tableName": TABLE,
                    "fileName": _file_name(extract, number),
                    "startDate": instant(extract.start),
                    "endDate": instant(extract.end),
                    "downloadUrl": f"http://{call.host}/v1/dataExtracts/{extract.id}/files/{number}",
                }
                for number in range(len(extract.files))
            ]
        )

    def download(self, call: Call) -> Answer:
        """One file: a zip with a JSON array of rows."""
        extract = self.made.get(call.params["extractId"])
        number = call.params["number"]
        if extract is None or not number.isdigit() or int(number) >= len(extract.files):
            return Answer(404, encode({"detail": "Not Found"}))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{TABLE}.json", encode(extract.files[int(number)]))
        return Answer(200, packed.getvalue(), "application/zip")

    def acknowledge(self, call: Call) -> Answer:
        """Mark an extract as exported; 422 for an unknown one, the only refusal that is documented here."""
        extract = self.made.get(call.params["extractId"])
        if extract is None:
            wrong = {"loc": ["path", "extract_id"], "msg": "unknown extract", "type": "value_error"}
            return Answer(422, encode({"detail": [wrong]}))
        extract.status = "Exported"
        return ok({"succeeded": True, "message": "Action done successfully"})

    def table_definition(self, _call: Call) -> Answer:
        """Columns of the table."""
        columns = [
            {"Column name": column, "Data Type": kind, "Field definition": name, "Example value": ""}
            for column, name, kind in COLUMNS
        ]
        return ok([{"Table name": TABLE, "Columns": columns}])

    def change_log(self, _call: Call) -> Answer:
        """Versions of the table definition."""
        return ok([{"Version": "1", "Added tables": [TABLE], "Removed tables": [], "Column changes": {}}])


def _file_name(extract: Extract, number: int) -> str:
    return f"{TABLE}_{extract.id}_{number}.zip"


def _view(extract: Extract) -> Record:
    return {
        "id": extract.id,
        "type": extract.type,
        "startDate": instant(extract.start),
        "endDate": instant(extract.end),
        "fileCount": len(extract.files),
        "processingStatus": extract.status,
        "extractDate": instant(extract.end),
        "extractName": f"{extract.type} {extract.id}",
    }
