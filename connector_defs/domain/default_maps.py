"""What SYSPRO's own codes mean where a site says nothing else: units of measure and countries.

A site's settings replace either map as a whole. What is ambiguous among sites is left out on purpose.
"""

# SYSPRO units of measure are the site's own; these names mean the same nearly everywhere (TON, T and GAL do not).
# UN/ECE Recommendation 20, and packages of Recommendation 21 with an X in front.
DEFAULT_UNITS = {
    "EA": "EA", "EACH": "EA", "PC": "H87", "PCS": "H87", "PCE": "H87", "UN": "C62", "UNIT": "C62", "PR": "PR",
    "SET": "SET", "DZ": "DZN", "DOZ": "DZN", "HR": "HUR", "HRS": "HUR", "HOUR": "HUR", "DAY": "DAY", "MTH": "MON",
    "KG": "KGM", "KGS": "KGM", "G": "GRM", "GM": "GRM", "TONNE": "TNE", "LB": "LBR",
    "LBS": "LBR", "OZ": "ONZ", "M": "MTR", "CM": "CMT", "MM": "MMT", "KM": "KMT", "FT": "FOT",
    "IN": "INH", "YD": "YRD", "M2": "MTK", "SQM": "MTK", "FT2": "FTK", "SQFT": "FTK", "M3": "MTQ", "CBM": "MTQ",
    "L": "LTR", "LTR": "LTR", "ML": "MLT", "KWH": "KWH", "BOX": "XBX", "BX": "XBX",
    "CTN": "XCT", "PAL": "XPX", "PALLET": "XPX", "ROLL": "XRO", "ROL": "XRO", "BAG": "XBG", "DRUM": "XDR",
    "PK": "XPK", "PKT": "XPK",
}  # fmt: skip
# Nationality codes that are no ISO code and mean the same nearly everywhere.
DEFAULT_COUNTRIES = {"UK": "GB", "EL": "GR"}
