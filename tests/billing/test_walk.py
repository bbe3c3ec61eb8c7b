"""The thinnest whole path."""

from tests.shops import Shop


def test_who_pays_gets_in(shop: Shop) -> None:
    shop.buy(shop.once, email="ada@example.org")
    shop.deliver()
    assert shop.has("ada@example.org", shop.course)
    assert not shop.has("ada@example.org", shop.club)


def test_who_subscribes_gets_in(shop: Shop) -> None:
    shop.buy(shop.monthly, email="ada@example.org")
    shop.deliver()
    assert shop.has("ada@example.org", shop.club)
