import pytest

from activities.money import decimals, format_money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (2400, "eur", "€24.00"),
        (0, "eur", "€0.00"),
        (5, "USD", "$0.05"),
        (123456789, "gbp", "£1,234,567.89"),
        (2400, "jpy", "¥2,400"),
        (1234, "kwd", "KWD 1.234"),
        (2400, "chf", "CHF 24.00"),
        (2400, "cad", "CAD 24.00"),
        (500000, "ugx", "UGX 5,000"),
        (500000, "isk", "ISK 5,000"),
        (100000, "xaf", "XAF 100,000"),
        (1234, "xyz", "12.34 XYZ"),
        (1234, "", "12.34"),
        (-500, "eur", "−€5.00"),
        (-1, "bhd", "−BHD 0.001"),
    ],
)
def test_money_is_written_as_its_currency_is(amount: int, currency: str, text: str) -> None:
    assert format_money(amount, currency) == text


@pytest.mark.parametrize(("currency", "places"), [("eur", 2), ("JPY", 0), ("tnd", 3), ("isk", 2), ("ugx", 2)])
def test_stripes_minor_units_are_known(currency: str, places: int) -> None:
    assert decimals(currency) == places
