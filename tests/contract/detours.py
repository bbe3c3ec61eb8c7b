"""The rarer endpoints of the tour: discounts, changes and previews, schedules, charges, what Checkout asks."""

from contextlib import suppress
from typing import Any

import stripe

from tests.sandbox.shelf import DAY, FAILS_LATER, GOOD, THANKS, Shelf
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


def visit_changes(sandbox: Sandbox, api: Any, shelf: Shelf) -> None:
    member = api.customers.create({"email": "eve@example.org"})
    sandbox.post(f"/sandbox/customers/{member.id}/card", {"card": FAILS_LATER})
    free = api.subscriptions.create(
        {"customer": member.id, "items": [{"price": shelf.monthly}], "trial_period_days": 3}
    )
    item = {"id": free["items"].data[0].id, "price": shelf.monthly, "quantity": 4}
    details = {"items": [item], "trial_end": "now"}
    api.invoices.create_preview({"subscription": free.id, "subscription_details": details})
    wish = {**details, "payment_behavior": "pending_if_incomplete", "expand": ["latest_invoice"]}
    waiting = api.subscriptions.update(free.id, wish)
    assert waiting.pending_update is not None
    sandbox.post(f"/sandbox/customers/{member.id}/card", {"card": GOOD})
    api.invoices.pay(waiting.latest_invoice.id)
    api.subscriptions.update(free.id, {"billing_cycle_anchor": "now", "add_invoice_items": [{"price": shelf.once}]})
    api.invoices.create_preview({"customer": member.id, "invoice_items": [{"amount": 1, "currency": "eur"}]})


def visit_schedules(sandbox: Sandbox, api: Any, shelf: Shelf, customer: str) -> None:
    month = {"interval": "month", "interval_count": 1}
    phases = [
        {"items": [{"price": shelf.monthly}], "duration": month, "add_invoice_items": [{"price": shelf.once}]},
        {"items": [{"price": shelf.monthly, "quantity": 2}], "trial": True},
    ]
    soon = int(sandbox.get("/sandbox/clock")["now"]) + DAY
    ahead = api.subscription_schedules.create({"customer": customer, "start_date": soon, "phases": phases})
    api.subscription_schedules.update(ahead.id, {"metadata": {"a": "b"}, "end_behavior": "cancel"})
    api.subscription_schedules.retrieve(ahead.id, {"expand": ["customer", "phases.items.price"]})
    api.subscription_schedules.list({"customer": customer, "scheduled": True})
    sandbox.advance("2d")
    running = api.subscription_schedules.retrieve(ahead.id, {"expand": ["subscription"]})
    api.subscriptions.retrieve(running.subscription.id, {"expand": ["schedule"]})
    api.subscription_schedules.release(ahead.id)
    taken = api.subscription_schedules.create({"from_subscription": running.subscription.id})
    api.subscription_schedules.cancel(taken.id)


def visit_charges(api: Any) -> None:
    terms = {"currency": "eur", "source": "tok_createIssuerFraudRecord"}
    made = api.charges.create({**terms, "amount": 700, "capture": False, "metadata": {"a": "b"}})
    api.charges.capture(made.id, {"amount": 600})
    api.charges.list({"transfer_group": "none"})
    warning = api.radar.early_fraud_warnings.list({"charge": made.id}).data[0]
    api.radar.early_fraud_warnings.retrieve(warning.id, {"expand": ["charge"]})
    with suppress(stripe.CardError):
        api.charges.create({**terms, "amount": 700, "source": "tok_chargeDeclined"})


def visit_questions(sandbox: Sandbox, api: Any, shelf: Shelf) -> None:
    extra = api.prices.create({"product": shelf.club, "currency": "eur", "unit_amount": 300})
    label = {"type": "custom", "custom": "Size"}
    sizes = {"options": [{"label": "Small", "value": "S"}, {"label": "Large", "value": "L"}]}
    asked = {
        "custom_fields": [
            {"key": "size", "label": label, "type": "dropdown", "dropdown": sizes},
            {"key": "word", "label": label, "type": "text", "optional": True, "text": {"maximum_length": 9}},
        ],
        "custom_text": {"submit": {"message": "Soon yours"}},
        "consent_collection": {"terms_of_service": "required", "promotions": "auto"},
        "optional_items": [{"price": extra.id, "quantity": 1, "adjustable_quantity": {"enabled": True}}],
        "phone_number_collection": {"enabled": True},
        "billing_address_collection": "required",
        "submit_type": "book",
    }
    answers = {
        "fields": {"size": "L"},
        "phone": "+49 30 1234567",
        "address": {"line1": "Ofenweg 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
        "optional_items": [extra.id],
        "promotions": True,
    }
    link = shelf.link(shelf.once, **asked)
    api.payment_links.update(link, {"custom_text": {"after_submit": {"message": "Thanks"}}, "custom_fields": ""})
    sandbox.pay_link(link, email="ben@example.org", answers=answers)
    lines = [{"price": shelf.once, "quantity": 1}]
    recovery = {"after_expiration": {"recovery": {"enabled": True, "allow_promotion_codes": True}}}
    wish = {"mode": "payment", "line_items": lines, "success_url": THANKS}
    open_one = api.checkout.sessions.create({**wish, **asked, **recovery})
    sandbox.pay_session(open_one.id, email="ben@example.org", answers=answers)
    left = api.checkout.sessions.create({**wish, **recovery})
    api.checkout.sessions.expire(left.id)


def visit_balance(api: Any, customer: str) -> None:
    made = api.customers.balance_transactions.create(customer, {"amount": -50, "currency": "eur"})
    api.customers.balance_transactions.update(customer, made.id, {"description": "A present"})
    api.customers.balance_transactions.retrieve(customer, made.id, {"expand": ["customer"]})
    api.customers.balance_transactions.list(customer)
    number = api.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    api.customers.tax_ids.retrieve(customer, number.id, {"expand": ["customer", "owner.customer"]})
    api.customers.tax_ids.list(customer)
    api.customers.retrieve(customer, {"expand": ["tax_ids"]})
    api.customers.tax_ids.delete(customer, number.id)
