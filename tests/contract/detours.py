"""The rarer endpoints of the tour: discounts."""

from typing import Any

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


def visit_discounts(sandbox: Sandbox, api: Any, shelf: Shelf, customer: str) -> None:
    options = {"usd": {"amount_off": 300}}
    coupon = api.coupons.create({"amount_off": 200, "currency": "eur", "currency_options": options})
    api.coupons.update(coupon.id, {"currency_options": {"gbp": {"amount_off": 250}}})
    api.coupons.retrieve(coupon.id, {"expand": ["currency_options"]})
    minimum = {"minimum_amount": 500, "minimum_amount_currency": "eur"}
    limits = {**minimum, "currency_options": {"usd": {"minimum_amount": 600}}}
    code = api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "restrictions": limits})
    api.promotion_codes.update(code.id, {"restrictions": {"currency_options": {"gbp": {"minimum_amount": 450}}}})
    sandbox.post(f"/sandbox/customers/{customer}/discount", {"coupon": coupon.id})
    api.customers.delete_discount(customer)
    discounted = api.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": shelf.monthly, "discounts": [{"coupon": coupon.id}]}],
            "discounts": [{"promotion_code": code.id}],
            "expand": ["discounts.source.coupon", "latest_invoice.total_discount_amounts.discount"],
        }
    )
    api.subscriptions.delete_discount(discounted.id)
    api.subscriptions.cancel(discounted.id)
