"""Money as people read it. Amounts are integers in the currency's minor unit, as Stripe gives them."""

# https://docs.stripe.com/currencies, "zero-decimal", "three-decimal" and "special cases". ISK and UGX have no
# minor unit in life, but Stripe gives them with two decimals, always 00: they are divided and shown whole.
_TWO = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP
CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS
KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB
PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS
UAH USD UYU UZS WST XCD YER ZAR ZMW
"""
_ZERO = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
TWO_DECIMAL, ZERO_DECIMAL = frozenset(_TWO.split()), frozenset(_ZERO.split())
THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
WHOLE = frozenset({"ISK", "UGX"})
CURRENCIES = TWO_DECIMAL | ZERO_DECIMAL | THREE_DECIMAL | WHOLE
MOST = 99_999_999  # Stripe takes eight digits

# Only signs that everybody reads as one currency; the others are written as "KWD 1.234".
SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "VND": "₫"}


def decimals(currency: str) -> int:
    """How many decimals an amount from Stripe carries in this currency: 0, 2 or 3."""
    code = currency.upper()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def format_money(amount_minor: int, currency: str) -> str:
    """ "€24.00", "¥2,400", "KWD 1.234", "−€5.00"; a currency we do not know, "12.34 XYZ"."""
    code = currency.upper()
    number = _number(abs(amount_minor), decimals(code), whole=code in WHOLE)
    minus = "−" if amount_minor < 0 else ""
    if code in SIGNS:
        return f"{minus}{SIGNS[code]}{number}"
    if code in CURRENCIES:
        return f"{minus}{code} {number}"
    return f"{minus}{number} {code}" if code else f"{minus}{number}"


def read_money(text: str, currency: str) -> int:
    """An amount as people type it, "24", "24.50" or "24,50", in the minor unit. Raises ValueError with words for them.

    Point or comma stand before the decimals; thousands are not parted, because nobody could tell which is which.
    """
    code, whole, part = currency.upper(), *_halves(text)
    places = 0 if code in WHOLE else decimals(code)
    if len(part) > places:
        many = {0: "no decimals", 2: "two decimals", 3: "three decimals"}[places]
        raise ValueError(f"{code} has {many}, and thousands are written without a sign: 1234.")
    amount = int(whole + part.ljust(decimals(code), "0"))
    if amount == 0:
        raise ValueError("The price has to be above nothing.")
    if amount > MOST:
        raise ValueError(f"Stripe takes at most {format_money(MOST, code)}.")
    if code in THREE_DECIMAL and amount % 10:
        raise ValueError(f"Stripe takes only a nought as the third decimal of {code}.")
    return amount


def _halves(text: str) -> tuple[str, str]:
    whole, _, part = text.strip().replace(",", ".").partition(".")
    if not (whole + part).isascii() or not whole.isdigit() or (part and not part.isdigit()):
        raise ValueError("Write it in digits, such as 24 or 24.50.")
    return whole, part


def _number(amount: int, places: int, *, whole: bool) -> str:
    units, rest = divmod(amount, 10**places)
    if places == 0 or (whole and rest == 0):
        return f"{units:,}"
    return f"{units:,}.{rest:0{places}d}"
