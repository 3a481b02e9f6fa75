"""Data Access API: zipped extracts of AP Automation tables (wire notes 6.5). One table, made on demand.

An extract is a snapshot taken when it is made; the columns of IA_INVOICE here are the sandbox's own choice,
since their real names are published to customers only.
"""

import csv
import gzip
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
FORMS = ("zip_json", "zip_csv", "gz_json", "gz_csv", "json", "csv")
_RECORDS_PER_FILE = 100_000
_MEDIA = {"zip": "application/zip", "gz": "application/gzip", "json": "application/json", "csv": "text/csv"}


@dataclass(slots=True)
class Extract:
    """One snapshot and its files: rows, or the very bytes to be sent."""

    id: str
    type: str
    start: datetime
    end: datetime
    files: list[list[Record] | bytes]
    status: str = "WaitingForExport"


class Extracts:
    """Extracts over the documents. The first is Initial, each later one a Delta since the one before."""

    def __init__(self, documents: Mapping[str, Record], clock: Callable[[], datetime]) -> None:
        self._documents = documents
        self._clock = clock
        self.made: dict[str, Extract] = {}
        self._form = FORMS[0]
        self.records_per_file = _RECORDS_PER_FILE
        self.columns = COLUMNS

    def use(self, form: str) -> None:
        """Give every file this form; a tenant has one for good, a test needs each. Raises ValueError."""
        if form not in FORMS:
            raise ValueError(f"no such form: {form}; known are {', '.join(FORMS)}")
        self._form = form

    def make(self) -> Extract:
        """Take a snapshot of what changed since the last one."""
        before = list(self.made.values())[-1] if self.made else None
        now = self._clock()
        start = before.end if before else datetime(2000, 1, 1, tzinfo=now.tzinfo)
        rows = [
            {column: document.get(name) for column, name, _ in self.columns}
            for document in self._documents.values()
            if before is None or document["lastUpdated"] > instant(start)
        ]
        size = self.records_per_file
        return self._add(start, now, [rows[n : n + size] for n in range(0, len(rows), size)])

    def put(self, *files: bytes) -> Extract:
        """An extract of these very files."""
        now = self._clock()
        return self._add(now, now, list(files))

    def _add(self, start: datetime, end: datetime, files: list[list[Record] | bytes]) -> Extract:
        kind = "Delta" if self.made else "Initial"
        extract = Extract(f"extract-{len(self.made) + 1}", kind, start, end, files)
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
        """One file: the rows as a JSON array or as CSV, zipped, gzipped or plain."""
        extract = self.made.get(call.params["extractId"])
        number = call.params["number"]
        if extract is None or not number.isdigit() or int(number) >= len(extract.files):
            return Answer(404, encode({"detail": "Not Found"}))
        container, _, kind = self._form.rpartition("_")
        rows = extract.files[int(number)]
        if isinstance(rows, bytes):
            return Answer(200, rows, "application/octet-stream")
        content = encode(rows) if kind == "json" else _csv(rows)
        if container == "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{TABLE}.{kind}", content)
            content = packed.getvalue()
        elif container == "gz":
            content = gzip.compress(content)
        return Answer(200, content, _MEDIA[container or kind])

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
            for column, name, kind in self.columns
        ]
        return ok([{"Table name": TABLE, "Columns": columns}])

    def change_log(self, _call: Call) -> Answer:
        """Versions of the table definition."""
        return ok([{"Version": "1", "Added tables": [TABLE], "Removed tables": [], "Column changes": {}}])


def _csv(rows: list[Record]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


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
