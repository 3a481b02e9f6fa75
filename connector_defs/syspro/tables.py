"""SYSPRO tables as rows of typed columns: names, keys, reading of raw values, Arrow form.

Belongs here: which columns the connector reads and how their raw values become Python values.
Not here: how rows are fetched (`odata`) and what they mean to finance (`domain`).
Source of names, keys and types: SYSPRO wire notes 4; tolerance: wire notes 3 and 5.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Literal

import pyarrow as pa

from connector_defs.domain.errors import Fatal
from connector_defs.outside.json_text import Flaw

Value = str | Decimal | int | date | None
Row = Mapping[str, Value]

_DATE = re.compile(r"(\d{4})[-/]?(\d{2})[-/]?(\d{2})(?:[T ].*)?\Z", re.DOTALL | re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,60}(?:\.\d{0,60})?|\.\d{1,60})(?:[eE][+-]?\d{1,9})?\Z", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Beyond this a number is no SYSPRO number; it also keeps 1E400 from becoming 400 digits of text.
_MAX_EXPONENT = 60
_INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Kind:
    """Type of a column. `width` is set for fixed char(n), which some servers pad and others trim."""

    family: Literal["text", "integer", "decimal", "date"]
    precision: int = 0
    scale: int = 0
    width: int = 0


TEXT = Kind("text")
INTEGER = Kind("integer")
DATE = Kind("date")


def char(width: int) -> Kind:
    """Fixed-length text, char(n)."""
    return Kind("text", width=width)


def decimal(precision: int, scale: int) -> Kind:
    """Exact number, decimal(p, s)."""
    return Kind("decimal", precision=precision, scale=scale)


AMOUNT = decimal(18, 2)
QUANTITY = decimal(18, 6)
PRICE = decimal(18, 5)
RATE = decimal(12, 6)


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind = TEXT

    def parse(self, raw: object) -> Value:
        """The raw JSON value as Python value; raises ValueError for what cannot be one of this kind.

        Text stays exactly as stored. A date loses its time and zone and is never shifted, for SYSPRO dates
        are server-local midnights without any real zone (wire notes 3). Blank or zero dates are None.
        """
        if raw is None:
            return None
        if isinstance(raw, Flaw):
            raise ValueError(raw.reason)  # noqa: TRY004 - a fault of the row, not of the caller
        if isinstance(raw, bool | list | dict):
            raise ValueError(f"{type(raw).__name__} value")  # noqa: TRY004 - a fault of the row, not of the caller
        return _PARSERS[self.kind.family](raw)


class _HalfCharacter(ValueError):
    """A text that no text of ours can be; `replaced` is what can be kept of it."""

    def __init__(self, text: str) -> None:
        super().__init__("half a character")
        self.replaced = _LONE_SURROGATE.sub("\ufffd", text)


def _text(raw: object) -> str:
    text = raw if isinstance(raw, str) else str(raw)
    if _LONE_SURROGATE.search(text):
        raise _HalfCharacter(text)
    return text


def _decimal(raw: object) -> Decimal | None:
    if isinstance(raw, str) and not raw.strip():
        return None
    text = "" if isinstance(raw, Decimal) else str(raw).strip()
    # Decimal would take 1_000 and digits of other scripts as well.
    if text and not _NUMBER.match(text):
        raise ValueError("not a number")
    number = raw if isinstance(raw, Decimal) else Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT:
        raise ValueError("not a number of any SYSPRO column")
    return number


def _integer(raw: object) -> int | None:
    number = _decimal(raw)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    if int(number) not in _INTEGERS:
        raise ValueError("larger than any whole number of SYSPRO")
    return int(number)


def _date(raw: object) -> date | None:
    text = str(raw).strip()
    if not text:
        return None
    match = _DATE.match(text)
    if match is None:
        raise ValueError("not a date")
    year, month, day = (int(part) for part in match.groups())
    if (year, month, day) == (0, 0, 0):
        return None
    return date(year, month, day)


_PARSERS = {"text": _text, "decimal": _decimal, "integer": _integer, "date": _date}


def _arrow_type(kind: Kind) -> pa.DataType:
    match kind.family:
        case "decimal":
            return pa.decimal128(kind.precision, kind.scale)
        case "integer":
            return pa.int64()
        case "date":
            return pa.date32()
        case _:
            return pa.string()


@dataclass(frozen=True)
class Table:
    """A table: name, primary key in order, columns in order (the key columns are among them)."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        missing = [name for name in self.key if name not in self._by_name]
        if missing:
            raise ValueError(f"{self.name}: key column {missing[0]} is not among the columns")

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return self._by_name[name]

    def narrowed(self, names: Iterable[str]) -> "Table":
        """The same table with only these columns and the key columns, in table order."""
        wanted = {*names, *self.key}
        unknown = sorted(wanted - self._by_name.keys())
        if unknown:
            raise Fatal(f"Table {self.name} has no column {', '.join(unknown)} in this connector.")
        return Table(self.name, self.key, tuple(c for c in self.columns if c.name in wanted))

    def parse_row(self, raw: Mapping[str, object]) -> Row:
        """The row with every column of the table; one the answer lacks (old release, field security) is None.

        Raises Fatal naming table, key and column for a value that is not of the column's kind.
        """
        row: dict[str, Value] = {}
        folded: dict[str, object] | None = None
        for column in self.columns:
            name = column.name
            if name in raw:
                value = raw[name]
            else:
                if folded is None:
                    folded = {other.casefold(): held for other, held in raw.items()}
                value = folded.get(name.casefold())
            try:
                row[name] = column.parse(value)
            except _HalfCharacter as half:
                # A name cut off in the middle of an emoji; a key must be what it is, or paging loses its place.
                if name in self.key:
                    raise self._misfit(raw, column, half) from None
                row[name] = half.replaced
            except ValueError as error:
                raise self._misfit(raw, column, error) from None
        return row

    def _misfit(self, raw: Mapping[str, object], column: Column, error: ValueError) -> Fatal:
        record = ", ".join(f"{part}={raw.get(part)!r}" for part in self.key)
        return Fatal(
            f"SYSPRO table {self.name}, row {record}: column {column.name} holds a value that is no "
            f"{column.kind.family} ({error}). Reading it again cannot help."
        )

    def key_of(self, row: Row) -> tuple[str | Decimal | int | date, ...]:
        """Primary key of a row as stored; raises Fatal where a key column is absent."""
        key = []
        for name in self.key:
            value = row[name]
            if value is None:
                raise Fatal(
                    f"SYSPRO table {self.name}: a row came without key column {name}. "
                    "Give the OData operator access to it."
                )
            key.append(value)
        return tuple(key)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Arrow schema: string, int64, date32, decimal128(p, s)."""
        return pa.schema([pa.field(column.name, _arrow_type(column.kind)) for column in self.columns])

    def record_batch(self, rows: Iterable[Row]) -> pa.RecordBatch:
        """The rows in Arrow form, numbers exact; Fatal where one does not fit its column without rounding."""
        held = list(rows)
        arrays = [self._array(field, held) for field in self.arrow_schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow_schema)

    def _array(self, field: pa.Field, rows: list[Row]) -> pa.Array:
        try:
            return pa.array([row.get(field.name) for row in rows], type=field.type)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError) as error:
            if len(rows) > 1:
                # One by one, to name the row.
                return pa.concat_arrays([self._array(field, [row]) for row in rows])
            record = ", ".join(f"{part}={rows[0].get(part)!r}" for part in self.key)
            raise Fatal(
                f"SYSPRO table {self.name}, row {record}: column {field.name} does not fit: {error}"
            ) from None


def _table(name: str, key: str, columns: str) -> Table:
    """A table from a compact listing: `Name` or `Name:kind`, kinds as in `_KINDS`, `c3` for char(3)."""
    return Table(name, tuple(key.split()), tuple(_column(entry) for entry in columns.split()))


def _column(entry: str) -> Column:
    name, _, code = entry.partition(":")
    if code.startswith("c"):
        return Column(name, char(int(code[1:])))
    return Column(name, _KINDS[code])


_KINDS = {
    "": TEXT,
    "int": INTEGER,
    "date": DATE,
    "amount": AMOUNT,
    "qty": QUANTITY,
    "price": PRICE,
    "rate": RATE,
    "percent": decimal(8, 5),
}

AP_SUPPLIER = _table(
    "ApSupplier",
    "Supplier",
    "Supplier SupplierName SupShortName SupplierType:c1 SupplierClass Area Branch Bank Currency:c3 "
    "TermsCode:c2 OnHold:c1 PurchOrdAllowed:c1 GrnMatchReqd:c1 PayByEft:c1 AutoVoucherReqd:c1 TaxRegnNum "
    "DefTaxCode:c3 WithTaxId WithTaxCode:c5 BankAccount BankBranch EftBankAccType:c2 MerchGlCode "
    "FreightGlCode Nationality:c3 LanguageCode:c2 ShippingLocation Telephone Fax Contact Email RemitEmail "
    "DateSuppAdded:date PrimarySupplier:c1 PoEmail",
)
AP_SUPPLIER_ADDR = _table(
    "ApSupplierAddr",
    "Supplier",
    "Supplier SupAddr1 SupAddr2 SupAddr3 SupAddr3Loc SupAddr4 SupAddr5 SupPostalCode RemitName RemitAddr1 "
    "RemitAddr2 RemitAddr3 RemitAddr4 RemitAddr5 RemitPostalCode",
)
GEN_MASTER = _table(
    "GenMaster",
    "Company GlCode",
    "Company:c4 GlCode Description AccountType:c1 ExpenseType:c1 ReportIndex1 ReportIndex2 GlGroup "
    "ControlAccFlag:c1 AccOnHldFlag:c1 TaxCode:c3 AnalysisRequired:c1 AnalysisCategory TaxAccount:c1 "
    "AltDescription",
)
GEN_ANALYSIS_CODE = _table(
    "GenAnalysisCode",
    "AnalysisCategory AnalysisType AnalysisCode",
    "AnalysisCategory AnalysisType:int AnalysisCode Description",
)
TBL_AP_TERMS = _table(
    "TblApTerms",
    "TermsCode",
    "TermsCode:c2 Description DiscPct:percent DiscDays:int DiscFix DiscDayOfMonth:int DiscMonths:int DueFix "
    "DueDays:int DueDayOfMonth:int DueMonths:int",
)
ADM_TAX = _table(
    "AdmTax",
    "TaxCode",
    "TaxCode:c3 Description CurTaxRate:percent PrvTaxRate:percent TaxEffDate:date TaxBasis:c1 "
    "TaxIncExcl:c1 GlTaxGlCode ApTaxGlCode",
)
TBL_CURRENCY = _table(
    "TblCurrency",
    "Currency",
    "Currency:c3 Description BuyExchangeRate:rate BuyMulDiv:c1 SellExchangeRate:rate SellMulDiv:c1 FixedRate:c1",
)
POR_MASTER_HDR = _table(
    "PorMasterHdr",
    "PurchaseOrder",
    "PurchaseOrder OrderStatus:c1 ActiveFlag:c1 CancelledFlag:c1 OrderType:c1 Supplier Currency:c3 "
    "TermsCode:c2 PaymentTerms:c3 Buyer Warehouse TaxStatus:c1 OrderEntryDate:date OrderDueDate:date "
    "DateLastDocPrt:date DatePoCompleted:date AmendedCount:int ExchangeRate:rate MulDiv:c1 "
    "ExchRateFixed:c1 DiscPct1:percent DiscPct2:percent DiscPct3:percent",
)
POR_MASTER_DETAIL = _table(
    "PorMasterDetail",
    "PurchaseOrder Line",
    "PurchaseOrder Line:int LineType:c1 MStockCode MStockDes MWarehouse MOrderUom MOrderQty:qty "
    "MReceivedQty:qty MPrice:price MForeignPrice:price MPriceUom MConvFactPrcUm:rate MMulDivPrc:c1 "
    "MDiscPct1:percent MDiscPct2:percent MDiscPct3:percent MDiscValFlag:c1 MDiscValue:amount MTaxCode:c3 "
    "MGlCode MProductClass MLatestDueDate:date MOrigDueDate:date MLastReceiptDat:date MCompleteFlag:c1 "
    "MRequisition MSupCatalogue NComment NMscChargeValue:amount NMscChargeFor:amount NMscChargeTax:c3 "
    "OrderLineStatus:c1",
)
GRN_DETAILS = _table(
    "GrnDetails",
    "Supplier Grn GrnSource Journal JournalEntry",
    "Supplier Grn GrnSource:c1 Journal:int JournalEntry:int OrigReceiptDate:date PurchaseOrder "
    "PurchaseOrderLin:int StockCode StockDescription Warehouse QtyReceived:qty QtyUom DeliveryNote "
    "OrigGrnValue:amount CurGrnValue:amount MatchedValue:amount GrnMatchedFlag:c1 GrnMatchedYear:int "
    "GrnMatchedMonth:int GrnYear:int GrnMonth:int DebitRecGlCode CurrencyValue:amount PostCurrency:c3 "
    "ConvRate:rate MulDiv:c1 MTaxCode:c3",
)
AP_INVOICE = _table(
    "ApInvoice",
    "Supplier Invoice",
    "Supplier Invoice InvoiceDate:date DueDate:date JournalDate:date Journal:int EntryNumber:int "
    "InvoiceYear:int InvoiceMonth:int Branch Bank Reference Currency:c3 PostCurrency:c3 OrigInvValue:amount "
    "OrigDiscValue:amount CurrencyValue:amount PaymGrossValue:amount PaymDiscValue:amount "
    "TotalAdjustments:amount MthInvBal1:amount YearInvBalZero:int MonthInvBalZero:int InvoiceStatus:c1 "
    "ExchangeRate:rate ConvRate:rate MulDiv:c1 FirstTaxCode:c3 ManualChqNum PaymentChkType",
)
AP_INVOICE_PAY = _table(
    "ApInvoicePay",
    "Supplier Invoice EntryNumber",
    "Supplier Invoice EntryNumber:int TrnType:c1 TrnValue:amount PostValue:amount PostCurrency:c3 "
    "PostConvRate:rate PostMulDiv:c1 JournalDate:date Journal:int TrnYear:int TrnMonth:int "
    "PaymentReference PaymentNumber",
)
AP_PAY_RUN_DET = _table(
    "ApPayRunDet",
    "PaymentNumber Supplier Invoice",
    "PaymentNumber Supplier Invoice Cheque ChequeDate:date",
)
AP_JNL_SUMMARY = _table(
    "ApJnlSummary",
    "TrnYear TrnMonth Journal EntryNumber",
    "TrnYear:int TrnMonth:int Journal:int EntryNumber:int Supplier Invoice TransactionCode:c1 "
    "InvoiceValue:amount",
)
# The name of the line's own column is not public: lines of one entry are told by their account.
AP_JNL_DISTRIB = _table(
    "ApJnlDistrib",
    "TrnYear TrnMonth Journal EntryNumber ExpenseGlCode",
    "TrnYear:int TrnMonth:int Journal:int EntryNumber:int ExpenseGlCode DistrValue:amount ExpenseType:c1 "
    "Reference TrnDate:date",
)
# ApControl's key is not public and the table holds one row, so it is read by the columns themselves.
AP_CONTROL = _table("ApControl", "FinYear FinPeriod", "FinYear:int FinPeriod:int")
GEN_CONTROL = _table(
    "GenControl",
    "Company",
    "Company:c4 GlYear:int GlPeriod:int CurYrNxtJnl:int AuthoriseJournals:c1 "
    + " ".join(f"CurYrPrdStat{n}:c1 CurYrPrdEnd{n}:date" for n in range(1, 16))
    + " "
    + " ".join(f"PrvYrPrdStat{n}:c1 PrvYrPrdEnd{n}:date" for n in range(1, 16)),
)
GEN_JOURNAL_DETAIL = _table(
    "GenJournalDetail",
    "GlYear GlPeriod Journal EntryNumber",
    "GlYear:int GlPeriod:int Journal:int EntryNumber:int GlCode Reference Comment EntryValue:amount "
    "EntryType:c1 EntryDate:date EntryPosted:c1 CurrencyValue:amount PostCurrency:c3 TransactionDate:date "
    "SubModJournal:int SubModSupplier SubModInvoice",
)

TABLES: tuple[Table, ...] = (
    AP_SUPPLIER,
    AP_SUPPLIER_ADDR,
    GEN_MASTER,
    GEN_ANALYSIS_CODE,
    TBL_AP_TERMS,
    ADM_TAX,
    TBL_CURRENCY,
    POR_MASTER_HDR,
    POR_MASTER_DETAIL,
    GRN_DETAILS,
    AP_INVOICE,
    AP_INVOICE_PAY,
    AP_PAY_RUN_DET,
    AP_JNL_SUMMARY,
    AP_JNL_DISTRIB,
    AP_CONTROL,
    GEN_CONTROL,
    GEN_JOURNAL_DETAIL,
)
