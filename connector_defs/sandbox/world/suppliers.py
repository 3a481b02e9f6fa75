"""Suppliers and their addresses: manufacturing trade, several currencies, some names no one wants to escape.

Source of the tables: SYSPRO wire notes 4.1. Keys are zero-padded to 15 as under the numeric key setting;
two suppliers keep an alphanumeric key from an older take-on.
"""

import random
from datetime import timedelta

from connector_defs.sandbox.world.ledger_codes import FREIGHT_GL, LOCAL_CURRENCY, TERMS, Record
from connector_defs.sandbox.world.options import WorldOptions

HOSTILE_NAMES = (
    "Müller & Söhne Werkzeugbau GmbH",
    '"Quality" <Bolts> & Nuts Ltd',
    "O'Neill's Castings",
    "Fábrica de Molas São João Lda",
    "Fonderie d'Aluminium Élégante SARL",
    "Grå & Ørsted Stål A/S",
)

_OWNERS = (
    "Acme", "Allied", "Apex", "Baker", "Bayside", "Beacon", "Calder", "Cascade", "Cooper", "Crown", "Delta",
    "Dunmore", "Eagle", "Falcon", "Garnet", "Halden", "Harbor", "Hollis", "Ironside", "Keystone", "Lakeland",
    "Lorain", "Mercer", "Midland", "Northgate", "Oakfield", "Orion", "Pioneer", "Quarry", "Ridgeway",
    "Rowan", "Sable", "Sterling", "Summit", "Tidewater", "Union", "Valley", "Westbrook", "Wexford", "Zenith",
)  # fmt: skip
_TRADES = (
    "Abrasives", "Bearings", "Castings", "Chemicals", "Couplings", "Electrical Supply", "Fasteners",
    "Fluid Power", "Forgings", "Freight Lines", "Gauges", "Hydraulics", "Industrial Gases", "Packaging",
    "Pallets", "Precision Tooling", "Seals & Gaskets", "Springs", "Steel Service", "Welding Supplies",
)  # fmt: skip
_FORMS = ("Inc", "LLC", "Co", "Corp", "Ltd")

# City, state or region, postal code, country line, Nationality, language; by currency.
_PLACES = {
    "$": (
        ("Cleveland", "OH", "44114", "USA", "US", "EN"),
        ("Akron", "OH", "44308", "USA", "US", "EN"),
        ("Erie", "PA", "16501", "USA", "US", "EN"),
        ("Grand Rapids", "MI", "49503", "USA", "US", "EN"),
    ),
    "EUR": (
        ("Remscheid", "NRW", "42853", "Germany", "DE", "DE"),
        ("Eindhoven", "NB", "5611 AA", "Netherlands", "NL", "NL"),
        ("Saint-Étienne", "Loire", "42000", "France", "FR", "FR"),
    ),
    "R": (
        ("Durban", "KZN", "4001", "South Africa", "ZA", "EN"),
        ("Benoni", "GP", "1501", "South Africa", "ZA", "EN"),
    ),
}


def suppliers(options: WorldOptions, dice: random.Random) -> list[Record]:
    """ApSupplier: `options.suppliers` rows; the last two cannot be translated for Basware."""
    rows = [_supplier(options, dice, number) for number in range(1, options.suppliers + 1)]
    for row, name in zip(rows[1:], HOSTILE_NAMES, strict=False):
        row["SupplierName"] = name
    if len(rows) >= 12:
        _name_the_special(rows)
    return rows


def _name_the_special(rows: list[Record]) -> None:
    rows[3]["Supplier"] = "O'NEILL"
    rows[8]["Supplier"] = "A&B-TOOL"
    held = rows[9]
    held.update(
        OnHold="Y", SupplierName="Harbinger Forge & Steel Inc", Currency=LOCAL_CURRENCY, GrnMatchReqd="N"
    )
    rows[-2].update(SupplierName="X", SupShortName="X", PurchOrdAllowed="N", OnHold="N")
    rows[-1].update(
        SupplierName="Interplant clearing account", Currency="QQ", PurchOrdAllowed="N", OnHold="N"
    )


def _supplier(options: WorldOptions, dice: random.Random, number: int) -> Record:
    currency = dice.choices(("$", "EUR", "R"), (86, 9, 5))[0]
    name = f"{dice.choice(_OWNERS)} {dice.choice(_TRADES)} {dice.choice(_FORMS)}"
    nationality, language = dice.choice(_PLACES[currency])[4:]
    domain = "".join(char for char in name.lower() if char.isascii() and char.isalnum()) + ".example"
    return {
        "Supplier": f"{number:015d}",
        "SupplierName": name,
        "SupShortName": name[:20].strip(),
        "SupplierType": "P",
        "SupplierClass": dice.choice(("RAW", "MRO", "SVC", "FRT")),
        "Area": dice.choice(("N", "E", "S", "W")),
        "Branch": "10",
        "Bank": "1",
        "Currency": currency,
        "TermsCode": dice.choices([row[0] for row in TERMS], (1, 2, 3, 12, 3, 4, 3))[0],
        "OnHold": "Y" if dice.random() < 0.01 else dice.choice(("N", "N", " ")),
        "PurchOrdAllowed": "Y" if dice.random() < 0.85 else "N",
        "GrnMatchReqd": "Y" if dice.random() < 0.3 else dice.choice(("N", " ")),
        "PayByEft": "Y",
        "TaxRegnNum": f"{nationality}{dice.randrange(10**8, 10**9)}",
        "DefTaxCode": {"$": "S", "EUR": "A", "R": "A"}[currency],
        "BankAccount": str(dice.randrange(10**9, 10**10)),
        "BankBranch": str(dice.randrange(10**5, 10**6)),
        "MerchGlCode": f"00-{6000 + dice.randrange(4) * 10}",
        "FreightGlCode": FREIGHT_GL,
        "Nationality": nationality,
        "LanguageCode": language,
        "Telephone": f"555-{dice.randrange(1000, 10000)}",
        "Contact": dice.choice(
            ("A. Novak", "J. Smith", "M. Dubois", "P. van Dyk", "S. O'Brien", "T. Jørgensen")
        ),
        "Email": f"accounts@{domain}",
        "RemitEmail": f"remittance@{domain}",
        "PoEmail": f"orders@{domain}",
        "DateSuppAdded": options.today - timedelta(days=dice.randrange(200, 4000)),
    }


def addresses(rows: list[Record], dice: random.Random) -> list[Record]:
    """ApSupplierAddr: one address per supplier; the country is free text, as it is in SYSPRO."""
    return [_address(row, dice) for row in rows]


def _address(supplier: Record, dice: random.Random) -> Record:
    places = _PLACES.get(str(supplier["Currency"]), _PLACES["$"])
    own = [place for place in places if place[4] == supplier["Nationality"]] or list(places)
    city, region, postal_code, country, _nationality, _language = dice.choice(own)
    street = f"{dice.randrange(1, 900)} {dice.choice(('Foundry Road', 'Mill Street', 'Canal Way', 'Industrial Park'))}"
    return {
        "Supplier": supplier["Supplier"],
        "SupAddr1": street,
        "SupAddr2": dice.choice(("", "", "Unit 4", "Building B")),
        "SupAddr3": city,
        "SupAddr3Loc": region,
        "SupAddr4": region,
        "SupAddr5": country,
        "SupPostalCode": postal_code,
        "RemitName": supplier["SupplierName"],
        "RemitAddr1": street,
        "RemitAddr3": city,
        "RemitAddr5": country,
        "RemitPostalCode": postal_code,
    }
