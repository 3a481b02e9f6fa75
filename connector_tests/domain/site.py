"""A site, and SYSPRO rows as staging hands them over: every column of the published ones, ready to be changed."""

from datetime import date
from decimal import Decimal

from connector_defs.domain.translation.context import Site

SITE = Site(
    syspro_company="M1",
    basware_company="1000",
    organization="1000",
    source_system="SYSPRO",
    language="en-US",
    currencies={"$": "USD", "R": "ZAR"},
)

ACCOUNT = {
    "Company": "M1",
    "GlCode": "40-4000",
    "Description": "Office supplies",
    "AccountType": "E",
    "ControlAccFlag": "N",
    "AccOnHldFlag": "N",
    "TaxCode": "A  ",
}
COST_CENTER = {"CostCenter": "CC1", "Description": "Sales"}
PAYMENT_TERM = {
    "TermsCode": "30",
    "Description": "30 days, 2 % in 10",
    "DiscPct": Decimal("2.00"),
    "DiscDays": 10,
    "DiscMonths": 0,
    "DueDays": 30,
    "DueMonths": 1,
}
TAX_CODE = {"TaxCode": "A", "Description": "Standard rate", "Rate": Decimal("21.00000")}
SUPPLIER = {
    "Supplier": "0000123",
    "SupplierName": "Müller & Söhne",
    "Currency": "R  ",
    "TermsCode": "30",
    "OnHold": "N",
    "TaxRegnNum": "ZA4711",
    "Contact": "Ann",
    "Email": "ann@example.com",
    "Telephone": "+27 11 1",
    "SupAddr1": "1 Main Road",
    "SupAddr2": "Suburb",
    "SupAddr3": "Cape Town",
    "SupAddr4": "Western Cape",
    "SupPostalCode": "8001",
}
ORDER = {
    "PurchaseOrder": "000000000000042",
    "OrderStatus": "4",
    "CancelledFlag": "",
    "Supplier": "0000123",
    "Currency": "$",
    "TermsCode": "30",
    "OrderEntryDate": date(2026, 1, 5),
    "OrderDueDate": date(2026, 2, 5),
}
RECEIPT = {
    "Grn": "000777",
    "GrnSource": "P",
    "Journal": Decimal(12),
    "JournalEntry": Decimal(3),
    "QtyReceived": Decimal("4.000000"),
    "OrigGrnValue": Decimal("700.00"),
    "CurrencyValue": Decimal("40.00"),
    "DeliveryNote": "DN-1",
    "OrigReceiptDate": date(2026, 1, 20),
}
ORDER_LINE = {
    "PurchaseOrder": "000000000000042",
    "Line": 1,
    "LineType": "1",
    "Currency": "$",
    "OrderStatus": "4",
    "CancelledFlag": "N",
    "MStockCode": "B100",
    "MStockDes": "Bicycle",
    "MOrderUom": "EA",
    "MOrderQty": Decimal("10.000000"),
    "MPrice": Decimal("175.00000"),
    "MForeignPrice": Decimal("10.00000"),
    "MConvFactPrcUm": Decimal("1.000000"),
    "MMulDivPrc": "M",
    "MDiscPct1": Decimal(0),
    "MDiscPct2": Decimal(0),
    "MDiscPct3": Decimal(0),
    "MDiscValFlag": "",
    "MDiscValue": Decimal(0),
    "MTaxCode": "A",
    "MGlCode": "40-4000",
    "MLatestDueDate": date(2026, 2, 5),
    "MCompleteFlag": "N",
    "MSupCatalogue": "CAT-9",
    "NComment": "",
    "NMscChargeValue": Decimal(0),
    "NMscChargeFor": Decimal(0),
    "NMscChargeTax": "",
    "Receipts": [RECEIPT],
}
