"""Countries as SYSPRO sites write them, as ISO 3166-1 codes of two letters.

Here: the two codes of every country, and English and own names of those that suppliers come from. A site's own
codes are in its settings. Source: ISO 3166-1.
"""

# Two letters : three letters.
_CODES = """
AD:AND AE:ARE AF:AFG AG:ATG AI:AIA AL:ALB AM:ARM AO:AGO AQ:ATA AR:ARG AS:ASM AT:AUT AU:AUS AW:ABW AX:ALA AZ:AZE
BA:BIH BB:BRB BD:BGD BE:BEL BF:BFA BG:BGR BH:BHR BI:BDI BJ:BEN BL:BLM BM:BMU BN:BRN BO:BOL BQ:BES BR:BRA BS:BHS BT:BTN
BV:BVT BW:BWA BY:BLR BZ:BLZ CA:CAN CC:CCK CD:COD CF:CAF CG:COG CH:CHE CI:CIV CK:COK CL:CHL CM:CMR CN:CHN CO:COL CR:CRI
CU:CUB CV:CPV CW:CUW CX:CXR CY:CYP CZ:CZE DE:DEU DJ:DJI DK:DNK DM:DMA DO:DOM DZ:DZA EC:ECU EE:EST EG:EGY EH:ESH ER:ERI
ES:ESP ET:ETH FI:FIN FJ:FJI FK:FLK FM:FSM FO:FRO FR:FRA GA:GAB GB:GBR GD:GRD GE:GEO GF:GUF GG:GGY GH:GHA GI:GIB GL:GRL
GM:GMB GN:GIN GP:GLP GQ:GNQ GR:GRC GS:SGS GT:GTM GU:GUM GW:GNB GY:GUY HK:HKG HM:HMD HN:HND HR:HRV HT:HTI HU:HUN ID:IDN
IE:IRL IL:ISR IM:IMN IN:IND IO:IOT IQ:IRQ IR:IRN IS:ISL IT:ITA JE:JEY JM:JAM JO:JOR JP:JPN KE:KEN KG:KGZ KH:KHM KI:KIR
KM:COM KN:KNA KP:PRK KR:KOR KW:KWT KY:CYM KZ:KAZ LA:LAO LB:LBN LC:LCA LI:LIE LK:LKA LR:LBR LS:LSO LT:LTU LU:LUX LV:LVA
LY:LBY MA:MAR MC:MCO MD:MDA ME:MNE MF:MAF MG:MDG MH:MHL MK:MKD ML:MLI MM:MMR MN:MNG MO:MAC MP:MNP MQ:MTQ MR:MRT MS:MSR
MT:MLT MU:MUS MV:MDV MW:MWI MX:MEX MY:MYS MZ:MOZ NA:NAM NC:NCL NE:NER NF:NFK NG:NGA NI:NIC NL:NLD NO:NOR NP:NPL NR:NRU
NU:NIU NZ:NZL OM:OMN PA:PAN PE:PER PF:PYF PG:PNG PH:PHL PK:PAK PL:POL PM:SPM PN:PCN PR:PRI PS:PSE PT:PRT PW:PLW PY:PRY
QA:QAT RE:REU RO:ROU RS:SRB RU:RUS RW:RWA SA:SAU SB:SLB SC:SYC SD:SDN SE:SWE SG:SGP SH:SHN SI:SVN SJ:SJM SK:SVK SL:SLE
SM:SMR SN:SEN SO:SOM SR:SUR SS:SSD ST:STP SV:SLV SX:SXM SY:SYR SZ:SWZ TC:TCA TD:TCD TF:ATF TG:TGO TH:THA TJ:TJK TK:TKL
TL:TLS TM:TKM TN:TUN TO:TON TR:TUR TT:TTO TV:TUV TW:TWN TZ:TZA UA:UKR UG:UGA UM:UMI US:USA UY:URY UZ:UZB VA:VAT VC:VCT
VE:VEN VG:VGB VI:VIR VN:VNM VU:VUT WF:WLF WS:WSM YE:YEM YT:MYT ZA:ZAF ZM:ZMB ZW:ZWE
"""
_BY_CODE = {code: pair[:2] for pair in _CODES.split() for code in (pair[:2], pair[3:])}

# Names as they stand in the last line of an address. Georgia is left out: it is a state as well.
_NAMES = {
    "AE": "united arab emirates|uae", "AR": "argentina", "AT": "austria|österreich", "AU": "australia",
    "BE": "belgium|belgië|belgique", "BG": "bulgaria", "BR": "brazil|brasil", "BW": "botswana", "CA": "canada",
    "CH": "switzerland|schweiz|suisse|svizzera", "CL": "chile", "CN": "china|people's republic of china|pr china",
    "CO": "colombia", "CY": "cyprus", "CZ": "czech republic|czechia", "DE": "germany|deutschland",
    "DK": "denmark|danmark", "EE": "estonia", "EG": "egypt", "ES": "spain|españa", "ET": "ethiopia",
    "FI": "finland|suomi", "FJ": "fiji", "FR": "france", "GH": "ghana",
    "GB": "united kingdom|uk|u.k.|great britain|england|scotland|wales|northern ireland",
    "GR": "greece|hellas", "HK": "hong kong", "HR": "croatia", "HU": "hungary", "ID": "indonesia",
    "IE": "ireland|republic of ireland|eire", "IL": "israel", "IN": "india", "IS": "iceland", "IT": "italy|italia",
    "JP": "japan", "KE": "kenya", "KR": "south korea|republic of korea", "LI": "liechtenstein", "LS": "lesotho",
    "LT": "lithuania", "LU": "luxembourg", "LV": "latvia", "MA": "morocco", "MT": "malta", "MU": "mauritius",
    "MW": "malawi", "MX": "mexico|méxico", "MY": "malaysia", "MZ": "mozambique", "NA": "namibia", "NG": "nigeria",
    "NL": "netherlands|the netherlands|nederland|holland", "NO": "norway|norge", "NZ": "new zealand", "PE": "peru",
    "PG": "papua new guinea", "PH": "philippines", "PK": "pakistan", "PL": "poland|polska", "PT": "portugal",
    "QA": "qatar", "RO": "romania", "RS": "serbia", "SA": "saudi arabia", "SE": "sweden|sverige",
    "SG": "singapore", "SI": "slovenia", "SK": "slovakia", "SZ": "swaziland|eswatini", "TH": "thailand",
    "TN": "tunisia", "TR": "turkey|türkiye", "TW": "taiwan", "TZ": "tanzania", "UA": "ukraine", "UG": "uganda",
    "US": "united states|united states of america|usa|u.s.a.", "UY": "uruguay", "VN": "vietnam",
    "ZA": "south africa|republic of south africa|rsa", "ZM": "zambia", "ZW": "zimbabwe",
}  # fmt: skip
_BY_NAME = {name: code for code, names in _NAMES.items() for name in names.split("|")}


def country_of_code(code: str) -> str | None:
    """ISO 3166-1 code of two letters, given one of two or three; None where it is neither."""
    return _BY_CODE.get(code.strip().upper())


def country_of_name(line: str) -> str | None:
    """ISO 3166-1 code of the country that an address line names and nothing else; None where it names none.

    A code of two letters is no name here: CA, DE and IN are states of the USA as well.
    """
    return _BY_NAME.get(" ".join(line.split()).casefold())
