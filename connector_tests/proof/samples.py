"""Honest bytes for every parser of what comes from outside.

Belongs here: one sample of each kind, as the real system or a person would write it. Not here: who reads it (`gates`).
"""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from openpyxl import Workbook

from connector_defs.syspro import tables
from connector_tests.basware.builders import API, jwt


def _reply(root: str, inner: str) -> bytes:
    text = (
        '<?xml version="1.0" encoding="Windows-1252"?>\n'
        f"<{root} Language='05' Language2='EN' DecFormat='1' DateFormat='01' Role='01' Version='8.0.021'>\n"
        f"{inner}\n</{root}>\n "
    )
    return text.encode("cp1252")


def _triple(name: str, value: str, number: str, text: str) -> str:
    return (
        f"<{name}><Value>{value}</Value><ErrorNumber>{number}</ErrorNumber>"
        f"<ErrorDescription>{text}</ErrorDescription></{name}>"
    )


POSTED = _reply(
    "postapinvoice",
    "<Item><ItemNumber>00001</ItemNumber><Key><TrnYear>2026</TrnYear><TrnMonth>01</TrnMonth><Journal>00017</Journal>"
    "<EntryNumber>00001</EntryNumber></Key><Supplier>0001</Supplier><Invoice>Müller &amp; Söhne €</Invoice></Item>"
    "<StatusOfItems><GlJournal><GlYear>2026</GlYear><GlPeriod>02</GlPeriod><GlJournal>00268</GlJournal>"
    "<GlJournalError></GlJournalError></GlJournal><ItemsProcessed>1</ItemsProcessed><ItemsInvalid/></StatusOfItems>",
)
REFUSED = _reply(
    "postapinvoice",
    "<Item>" + _triple("Supplier", "0009", "150123", "Supplier not found") + "</Item>"
    "<StatusOfItems><ItemsProcessed>0</ItemsProcessed><ItemsInvalid>1</ItemsInvalid></StatusOfItems>",
)
JOURNAL = _reply(
    "postgljournal",
    "<Item><Transaction><Key><GlYear>2026</GlYear><GlPeriod>07</GlPeriod><GlJournal>00042</GlJournal></Key>"
    "<JnlStatus>P</JnlStatus></Transaction></Item><StatusOfItems><JournalsInvalid>0</JournalsInvalid></StatusOfItems>",
)
SAVED = _reply(
    "setupapsupplier",
    "<Item><Key><Supplier>000000000000001</Supplier></Key></Item>"
    "<StatusOfItems><RecordsRead>1</RecordsRead><RecordsInvalid>0</RecordsInvalid></StatusOfItems>",
)
FOUND = _reply(
    "ApInvoice",
    "<HeaderDetails><TableName>ApInvoice</TableName></HeaderDetails>"
    "<Row><Supplier>0001</Supplier><Invoice>A-1</Invoice><Journal>     17</Journal><InvValue>  1,210.00</InvValue></Row>"
    "<Row><Supplier>0001</Supplier><Invoice>A-2</Invoice><Journal/></Row><RowsReturned>       2</RowsReturned>",
)
PROFILE = _reply(
    "LogonProfile", "<CompanyName>The Outdoors Company</CompanyName><OperatorCode>OP</OperatorCode>"
)
WRAPPED = b'"' + POSTED.strip().replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
HTML = b"<html><head><title>503</title><style>p{}</style></head><body><h2>Busy &#233; &amp; gone</h2></body></html>"

SUPPLIER = {
    name: {"text": f"{name} é", "date": "2026-01-31T00:00:00Z", "integer": 3, "decimal": 1.5}[
        column.kind.family
    ]
    for column in tables.AP_SUPPLIER.columns
    for name in [column.name]
}
ORDER: dict[str, Any] = {
    column.name: {"text": "A", "date": "2026-01-31", "integer": 3, "decimal": 1.5}[column.kind.family]
    for column in tables.POR_MASTER_HDR.columns
}


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def page(row: Mapping[str, object]) -> bytes:
    return as_json({"@odata.context": "x", "value": [row, row]})


INVOICE = {
    "invoiceId": "inv-1",
    "processingStatus": "WaitingForTransfer",
    "companyCode": "1000",
    "supplierCode": "000123",
    "supplierName": "Søren & Ünal 😀",
    "currencyCode": "EUR",
    "paymentBlock": False,
    "invoiceDate": "2026-03-31T00:00:00Z",
    "grossSum": 121.1,
    "exchangeRateCompany": None,
    "orderNumbers": ["4500001"],
    "codingRows": [
        {"externalCode": "r-1", "rowIndex": 1, "accountCode": "6000", "netTotal": 100.1, "dimCode1": "D"},
        {"externalCode": "r-2", "rowIndex": 2, "accountCode": "6001", "netTotal": 0, "taxPercent": 21},
    ],
    "transferParameters": [{"key": "k", "value": "v"}],
    "transferResponses": [{"externalCode": "t-1", "success": True, "voucherNumber1": "1"}],
    "paymentResponses": [],
}
STATUS = {
    "requestStatus": [
        {
            "requestId": "r-1",
            "requestStatus": "Error",
            "lastUpdated": "2026-11-20T01:00:00.000Z",
            "systems": [
                {
                    "system": "P2P",
                    "systemStatus": "Error",
                    "items": [
                        {
                            "externalCode": "v-1",
                            "status": "Error",
                            "errors": [{"category": "DATA", "message": "zu lang"}],
                        },
                        {"externalCode": "v-2", "status": "Success", "errors": []},
                    ],
                }
            ],
        }
    ]
}
RECEIPT = {
    "requestId": "r-1",
    "hasErrors": True,
    "errors": [
        {"externalCode": "v-1", "type": "VALIDATION", "code": "C", "message": "too long", "info": "name"}
    ],
}
VENDORS = {
    "vendorEntities": [
        {
            "externalCode": "v-1",
            "name": "Ünal",
            "lastUpdated": "2026-11-20T01:00:00Z",
            "companies": [{"companyCode": "1000", "paymentTermCode": "30"}],
        }
    ]
}
EXTRACTS = [
    {
        "id": "e-1",
        "type": "Delta",
        "fileCount": 2,
        "processingStatus": "WaitingForExport",
        "tableName": "IA_INVOICE",
    }
    | {"fileName": "f", "downloadUrl": f"{API}/f", "Table name": "IA", "Columns": [{"Column name": "ID"}]}
]
SUBSCRIPTION = {
    "taskType": "AccountingDocuments",
    "taskSubType": "WaitingForTransfer",
    "subscriptionType": "Webhook",
    "notificationWebhookURL": "https://pay.example/webhooks/basware",
    "webhookAuthenticationToken": "word",
    "lastUpdated": "2026-11-20T12:00:00Z",
}
TASK = {
    "taskId": "t-1",
    "taskStatus": "New",
    "taskType": "AccoutingDocuments",
    "documentId": "d-1",
    "taskSubType": "WaitingForTransfer",
    "lastUpdated": "2026-11-20T12:00:00Z",
}
TOKEN = {"access_token": jwt(exp=1_790_000_000), "expires_in": 3600, "token_type": "Bearer", "scope": "a b"}
ROWS = [{"ID": "a", "TEXT": 'x "y" {z}, [1]\\', "SUM": 1.5}, {"ID": "b", "TEXT": "ä\n€", "SUM": None}]
CSV = 'ID;TEXT;SUM\r\na;"x ""y""\nz";1,5\r\nb;ä;\r\n'.encode()
RULES = (
    "company,account_code,cost_center,dimensions,gl_code,valid_from,valid_to,reason\r\n"
    "M1,6000,,,00-6000,2026-01-31,,Büro\r\nM1,6100,100,dimCode1=A,00-6100,,,\r\n"
)
CENTERS = "CostCenter,Description\r\n100,Härterei\r\n110,Press shop\r\n"


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def unzipped(body: bytes) -> dict[str, bytes]:
    """The members of a zip."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def workbook() -> bytes:
    """Two rules as Excel keeps them."""
    book = Workbook()
    sheet = book.active
    for line in RULES.splitlines():
        sheet.append(line.split(","))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
