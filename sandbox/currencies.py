"""Currencies that Stripe charges in, and how many minor digits their amounts have (docs.stripe.com/currencies)."""

from decimal import Decimal

from sandbox.errors import InvalidRequest

CODES = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp
cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk
jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn
nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std
szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
CURRENCIES = tuple(CODES.split())
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥", "cad": "CA$", "aud": "A$", "nzd": "NZ$"}
# The least that can be charged, in minor units (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
LEAST = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
# The most: eight digits, of rupiahs twelve (the same page).
LARGEST: dict[str, int] = {"idr": 999_999_999_999}
LARGEST_ELSE = 99_999_999
# Written with two digits for old times' sake, but charged in whole units alone.
WHOLE_UNITS = frozenset(("isk", "ugx"))


def digits_of(currency: str) -> int:
    """How many minor digits a currency has."""
    code = currency.lower()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def written(amount: int, currency: str) -> str:
    """An amount of minor units in its currency: `2400, "eur"` is `€24.00`."""
    code, digits = currency.lower(), digits_of(currency)
    number = f"{Decimal(abs(amount)).scaleb(-digits):,.{digits}f}"
    return f"{'−' if amount < 0 else ''}{SYMBOLS.get(code) or code.upper() + ' '}{number}"


def read_currency(text: str, *, param: str) -> str:
    """The currency in lower case. Raises Stripe's refusal of one that it does not charge in."""
    code = text.lower()
    if code not in CURRENCIES:
        raise InvalidRequest(
            f"Invalid currency: {text}. Stripe currently supports these currencies: {', '.join(CURRENCIES)}",
            param=param,
        )
    return code


def step_of(currency: str) -> int:
    """What amounts that are charged or refunded are multiples of (docs.stripe.com/currencies#three-decimal)."""
    return 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE_UNITS else 1


def nearest(amount: int, currency: str) -> int:
    """The amount nearest to one that comes out of shares and periods that can be charged, half a step up."""
    step = step_of(currency)
    return (amount + step // 2) // step * step


def check_amount(amount: int | None, currency: str, *, param: str | None = "amount") -> None:
    """Raises Stripe's refusal of an amount, below or above nothing, that is too large or no multiple of its step."""
    if amount is None:
        return
    step = step_of(currency)
    if amount % step:
        raise InvalidRequest(
            f"Invalid amount: amounts in {currency} must be divisible by {step}, but {amount} is not.",
            code="parameter_invalid_integer",
            param=param,
        )
    check_most(amount, currency, param=param)


def check_most(amount: Decimal | int, currency: str, *, what: str = "Amount", param: str | None = "amount") -> None:
    """Raises Stripe's refusal of an amount with more digits than it takes."""
    most = LARGEST.get(currency, LARGEST_ELSE)
    if not -most <= amount <= most:
        raise InvalidRequest(
            f"{what} must be no more than {written(most, currency)} {currency}", code="amount_too_large", param=param
        )


def least_of(currency: str) -> int:
    """The least that can be charged."""
    return LEAST.get(currency.lower(), 1)


def check_least(amount: int, currency: str, *, what: str = "Amount", param: str | None = "amount") -> None:
    """Raises Stripe's refusal of an amount that is too small to be charged."""
    least = least_of(currency)
    if amount < least:
        raise InvalidRequest(
            f"{what} must be at least {written(least, currency)} {currency.lower()}",
            code="amount_too_small",
            param=param,
        )
