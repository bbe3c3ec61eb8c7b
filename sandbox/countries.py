"""Countries that the hosted pages name, and the tax ids that businesses there have."""

from typing import Final

COUNTRIES: Final = {
    "AR": "Argentina",
    "AU": "Australia",
    "AT": "Austria",
    "BE": "Belgium",
    "BR": "Brazil",
    "BG": "Bulgaria",
    "CA": "Canada",
    "CL": "Chile",
    "CO": "Colombia",
    "HR": "Croatia",
    "CY": "Cyprus",
    "CZ": "Czechia",
    "DK": "Denmark",
    "EE": "Estonia",
    "FI": "Finland",
    "FR": "France",
    "DE": "Germany",
    "GR": "Greece",
    "HK": "Hong Kong",
    "HU": "Hungary",
    "IS": "Iceland",
    "IN": "India",
    "ID": "Indonesia",
    "IE": "Ireland",
    "IL": "Israel",
    "IT": "Italy",
    "JP": "Japan",
    "KE": "Kenya",
    "LV": "Latvia",
    "LI": "Liechtenstein",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "MY": "Malaysia",
    "MT": "Malta",
    "MX": "Mexico",
    "NL": "Netherlands",
    "NZ": "New Zealand",
    "NG": "Nigeria",
    "NO": "Norway",
    "PH": "Philippines",
    "PL": "Poland",
    "PT": "Portugal",
    "RO": "Romania",
    "SG": "Singapore",
    "SK": "Slovakia",
    "SI": "Slovenia",
    "ZA": "South Africa",
    "KR": "South Korea",
    "ES": "Spain",
    "SE": "Sweden",
    "CH": "Switzerland",
    "TW": "Taiwan",
    "TH": "Thailand",
    "TR": "Turkey",
    "UA": "Ukraine",
    "AE": "United Arab Emirates",
    "GB": "United Kingdom",
    "US": "United States",
    "VN": "Vietnam",
}
# ISO 3166-1: what an address may name.
NAMED: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR
IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
CODES: Final = frozenset(NAMED.split())
# Where a shop says to which countries it ships, Stripe has no place for some of them, and for others besides.
NOT_SHIPPED_TO: Final = "AS CC CU CX FM HM IR KP MH MP NF PW SY UM VI"
SHIPPED_TO: Final = tuple(sorted(CODES - {*NOT_SHIPPED_TO.split()} | {"AC", "TA", "XK", "ZZ"}))
# Where an address is complete without a postal code.
NO_POSTAL_CODES: Final = ("AE", "HK", "IE", "KE", "NG")
# Type of tax id → what the page calls it, and its form.
TAX_IDS: Final = {
    "eu_vat": (
        "VAT ID, European Union",
        r"(AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI)[A-Z0-9+*]{2,12}",
    ),
    "gb_vat": ("VAT number, United Kingdom", r"(GB|XI)\d{9}(\d{3})?"),
    "ch_vat": ("VAT number, Switzerland", r"CHE-?\d{3}\.?\d{3}\.?\d{3}( ?(MWST|TVA|IVA))?"),
    "no_vat": ("VAT number, Norway", r"\d{9}MVA"),
    "us_ein": ("EIN, United States", r"\d{2}-?\d{7}"),
    "ca_bn": ("Business number, Canada", r"\d{9}"),
    "au_abn": ("Business number, Australia", r"\d{11}"),
    "nz_gst": ("GST number, New Zealand", r"\d{9}"),
    "in_gst": ("GST number, India", r"\d{2}[A-Z]{5}\d{4}[A-Z]\d[A-Z]{2}"),
    "za_vat": ("VAT number, South Africa", r"4\d{9}"),
}
