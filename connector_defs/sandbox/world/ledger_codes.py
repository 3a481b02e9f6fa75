"""The chart of accounts, cost centres, terms, tax codes, currencies and period controls of the company.

Source of the tables: SYSPRO wire notes 4.3 and 4.4. GL codes are `section-account`, as most sites keep them.
"""

import random
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from connector_defs.sandbox.world.options import WorldOptions
from connector_defs.sandbox.world.tables import Value

Record = dict[str, Value]

AP_CONTROL_GL = "00-2100"
GRN_CLEARING_GL = "00-2110"
INPUT_TAX_GL = "00-2310"
INVENTORY_GL = "00-1300"
FREIGHT_GL = "00-5100"
PRICE_VARIANCE_GL = "00-5150"
EXCHANGE_GL = "00-7900"

COST_CENTER_CATEGORY = "CC"

SECTIONS = {
    "00": "",
    "10": "Cleveland",
    "20": "Foundry",
    "30": "Distribution",
    "40": "Rotterdam",
    "50": "Durban",
}

# Code, description, AccountType, ExpenseType, ControlAccFlag.
FIXED_ACCOUNTS = (
    ("00-1100", "Bank current account", "A", "O", "N"),
    ("00-1200", "Trade debtors control", "A", "O", "Y"),
    (INVENTORY_GL, "Inventory raw materials", "A", "M", "N"),
    ("00-1310", "Inventory finished goods", "A", "M", "N"),
    ("00-1500", "Plant and machinery at cost", "A", "O", "N"),
    (AP_CONTROL_GL, "Trade creditors control", "L", "O", "Y"),
    (GRN_CLEARING_GL, "Goods received not invoiced", "L", "O", "Y"),
    (INPUT_TAX_GL, "Input tax recoverable", "A", "O", "N"),
    ("00-3000", "Retained earnings", "C", "O", "N"),
    ("00-4000", "Sales finished castings", "R", "O", "N"),
    (FREIGHT_GL, "Freight inwards", "E", "F", "N"),
    (PRICE_VARIANCE_GL, "Purchase price variance", "E", "M", "N"),
    (EXCHANGE_GL, "Exchange differences", "E", "O", "N"),
    ("00-9000", "Headcount (statistical)", "S", "O", "N"),
    ("00-9999", "Overheads template", "T", "O", "N"),
    ("00-6990-CONTRACT-LABOUR-PEAK", "Contract labour at peak times", "E", "O", "N"),
)

EXPENSES = (
    "Tooling",
    "Electricity",
    "Natural gas",
    "Water and effluent",
    "Consumables machine shop",
    "Cutting fluids & lubricants",
    "Repairs & maintenance <plant>",
    "Repairs and maintenance buildings",
    "Calibration and gauges",
    "Packaging materials",
    'Safety equipment "PPE"',
    "Waste removal",
    "Cleaning",
    "Security services",
    "Rent of premises",
    "Hire of fork-lift trucks",
    "Vehicle fuel",
    "Vehicle leases",
    "Carriage outwards",
    "Customs duty",
    "Subcontract heat treatment",
    "Subcontract plating",
    "Pattern making",
    "Laboratory testing",
    "Software licences",
    "IT support",
    "Telephone and data lines",
    "Printing and stationery",
    "Postage and couriers",
    "Travel and subsistence",
    "Training courses",
    "Recruitment fees",
    "Agency labour",
    "Legal fees",
    "Audit fees",
    "Bank charges",
    "Insurance premiums",
    "Advertising and trade fairs",
    "Staff canteen - café",
    "Entertaining",
    "Subscriptions",
    "Research prototypes",
    "Environmental levies",
    "Royalties",
    "Scrap and rework",
)

DEPARTMENTS = (
    "Machining",
    "Press shop",
    "Foundry",
    "Pattern shop",
    "Heat treatment",
    "Assembly",
    "Paint line",
    "Quality assurance",
    "Maintenance",
    "Warehouse",
    "Goods inwards",
    "Dispatch",
    "Purchasing",
    "Finance & control",
    "Human resources",
    "Information technology",
    "Sales domestic",
    "Sales export",
    "Research and development",
    "Facilities",
)

# TermsCode, description, due days, discount percent, discount days.
TERMS = (
    ("00", "Cash on delivery", 0, "0", 0),
    ("07", "7 days net", 7, "0", 0),
    ("14", "14 days net", 14, "0", 0),
    ("30", "30 days net", 30, "0", 0),
    ("3D", "30 days, 2% within 10", 30, "2.00", 10),
    ("45", "45 days net", 45, "0", 0),
    ("60", "60 days net", 60, "0", 0),
)

# TaxCode, description, current rate, former rate.
TAXES = (
    ("A", "Standard rate 20%", "20.00000", "17.50000"),
    ("B", "Reduced rate 5%", "5.00000", "5.00000"),
    ("S", "Sales tax 8.25%", "8.25000", "8.00000"),
    ("Z", "Zero rate", "0.00000", "0.00000"),
    ("E", "Exempt", "0.00000", "0.00000"),
)

# Currency, description, buying rate, multiply or divide, fixed, ISO 4217 code.
CURRENCIES = (
    ("$", "US dollar (local)", "1.000000", "M", "N", "USD"),
    ("EUR", "Euro", "1.085000", "M", "N", "EUR"),
    ("R", "South African rand", "18.250000", "D", "N", "ZAR"),
    ("QQ", "Group clearing units", "1.000000", "M", "Y", None),
)
LOCAL_CURRENCY = "$"


def iso_currency(currency: str) -> str | None:
    """ISO 4217 code of a SYSPRO currency key, which Basware writes on the same supplier's invoices."""
    return next((row[5] for row in CURRENCIES if row[0] == currency.strip()), None)


def accounts(options: WorldOptions, dice: random.Random) -> list[Record]:
    """GenMaster: the fixed accounts, then expenses section by section until `options.accounts` is reached."""
    rows = [
        _account(options, code, name, kind=kind, expense=expense, control=control)
        for code, name, kind, expense, control in FIXED_ACCOUNTS
    ]
    for code, name in _expense_codes():
        if len(rows) >= options.accounts:
            break
        rows.append(_account(options, code, name))
    for row in dice.sample(rows[len(FIXED_ACCOUNTS) :], max(1, len(rows) // 60)) if len(rows) > 20 else []:
        row["AccOnHldFlag"] = "Y"
    return rows


def _expense_codes() -> Iterator[tuple[str, str]]:
    """Expenses by section; a larger chart repeats them as sub-accounts."""
    for series in range(100):
        for section, place in SECTIONS.items():
            for number, name in enumerate(EXPENSES):
                code = f"{section}-{6000 + number * 10}" + (f"-{series:02d}" if series else "")
                tail = f" {place}" if place else ""
                yield code, f"{name}{tail}" + (f" {series:02d}" if series else "")


def _account(
    options: WorldOptions, code: str, name: str, *, kind: str = "E", expense: str = "O", control: str = "N"
) -> Record:
    return {
        "Company": options.company,
        "GlCode": code,
        "Description": name[:50],
        "AccountType": kind,
        "ExpenseType": expense,
        "ReportIndex1": code.partition("-")[0],
        "GlGroup": {"A": "ASSETS", "L": "LIAB", "C": "CAPITAL", "R": "REVENUE"}.get(kind, "OPEX"),
        "ControlAccFlag": control,
        "AccOnHldFlag": "N",
        "TaxAccount": "Y" if code == INPUT_TAX_GL else "N",
        "AnalysisRequired": "N",
        "AnalysisCategory": COST_CENTER_CATEGORY if kind == "E" else "",
    }


def cost_centers(options: WorldOptions) -> list[Record]:
    """GenAnalysisCode: one category, type 1; departments first, then their second and third shops."""
    rows: list[Record] = []
    for number in range(options.cost_centers):
        name, series = DEPARTMENTS[number % len(DEPARTMENTS)], number // len(DEPARTMENTS)
        rows.append(
            {
                "AnalysisCategory": COST_CENTER_CATEGORY,
                "AnalysisType": 1,
                "AnalysisCode": str(100 + number * 5),
                "Description": name + (f" {series + 1}" if series else ""),
            }
        )
    return rows


def terms() -> list[Record]:
    return [
        {
            "TermsCode": code,
            "Description": name,
            "DueFix": "N",
            "DueDays": days,
            "DiscPct": Decimal(percent),
            "DiscDays": discount_days,
            "DiscFix": "N",
        }
        for code, name, days, percent, discount_days in TERMS
    ]


def taxes(options: WorldOptions) -> list[Record]:
    return [
        {
            "TaxCode": code,
            "Description": name,
            "CurTaxRate": Decimal(rate),
            "PrvTaxRate": Decimal(former),
            "TaxEffDate": date(options.today.year - 2, 1, 1),
            "TaxBasis": "E",
            "TaxIncExcl": "E",
            "GlTaxGlCode": INPUT_TAX_GL,
            "ApTaxGlCode": INPUT_TAX_GL,
            "TaxRateDecimals": 2,
            "RevChargeFlag": "N",
        }
        for code, name, rate, former in TAXES
    ]


def currencies() -> list[Record]:
    return [
        {
            "Currency": code,
            "Description": name,
            "BuyExchangeRate": Decimal(rate),
            "BuyMulDiv": way,
            "SellExchangeRate": Decimal(rate),
            "SellMulDiv": way,
            "FixedRate": fixed,
        }
        for code, name, rate, way, fixed, _iso in CURRENCIES
    ]


def ap_control(options: WorldOptions) -> Record:
    return {"CtlFlag": "AP", "FinYear": options.today.year, "FinPeriod": options.today.month}


def gen_control(options: WorldOptions) -> Record:
    """GenControl with calendar months as periods: this month and the one before are open."""
    today = options.today
    row: Record = {
        "Company": options.company,
        "GlYear": today.year,
        "GlPeriod": today.month,
        "CurYrNxtJnl": 1,
        "AuthoriseJournals": "N",
    }
    for month in range(1, 13):
        row[f"CurYrPrdEnd{month}"] = _month_end(today.year, month)
        row[f"PrvYrPrdEnd{month}"] = _month_end(today.year - 1, month)
        row[f"CurYrPrdStat{month}"] = "O" if month in (today.month, today.month - 1) else "C"
        row[f"PrvYrPrdStat{month}"] = "O" if (month, today.month) == (12, 1) else "C"
    return row


def _month_end(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])
