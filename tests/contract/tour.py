"""A walk past every endpoint of the sandbox, with the official SDK, so that each is recorded at least once."""

from typing import Any

from tests.contract import detours
from tests.sandbox.shelf import DAY, THANKS, Shelf
from tests.sandboxes import Json, Sandbox


def walk(sandbox: Sandbox) -> None:
    """Visit everything. Raises on the first surprise."""
    shelf = Shelf.stock(sandbox)
    api: Any = sandbox.api
    visit_catalogue(api, shelf)
    customer = visit_customers(api)
    visit_checkout(sandbox, api, shelf, customer)
    visit_payments(sandbox, api, customer)
    visit_subscriptions(sandbox, api, shelf, customer)
    detours.visit_discounts(sandbox, api, shelf, customer)
    detours.visit_changes(sandbox, api, shelf)
    detours.visit_schedules(sandbox, api, shelf, customer)
    detours.visit_charges(api)
    detours.visit_questions(sandbox, api, shelf)
    detours.visit_balance(api, customer)
    visit_invoices(api, customer)
    visit_portal(sandbox, api, customer, shelf)
    visit_housekeeping(sandbox, api)


def visit_catalogue(api: Any, shelf: Shelf) -> None:
    api.accounts.retrieve_current()
    product = api.products.create({"name": "Extra", "images": ["https://shop.example/a.png"], "metadata": {"a": "b"}})
    api.products.update(product.id, {"description": "More", "metadata": {"a": ""}})
    api.products.retrieve(product.id, {"expand": ["default_price"]})
    api.products.list({"active": True, "ids": [product.id, shelf.club]})
    api.products.delete(product.id)
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50, "flat_amount": 5}]
    tiered = api.prices.create(
        {
            "currency": "eur",
            "product": shelf.club,
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": tiers,
            "recurring": {"interval": "month", "usage_type": "licensed"},
            "lookup_key": "tiered",
        }
    )
    api.prices.retrieve(tiered.id, {"expand": ["tiers", "product"]})
    options = {"jpy": {"unit_amount": 900}, "kwd": {"unit_amount_decimal": "1500"}}
    wish = {"currency": "eur", "unit_amount": 500, "currency_options": options}
    worldwide = api.products.create({"name": "World", "default_price_data": wish})
    api.prices.retrieve(worldwide.default_price, {"expand": ["currency_options"]})
    api.prices.update(tiered.id, {"nickname": "By size", "active": False})
    api.prices.list({"product": shelf.club, "type": "recurring", "recurring": {"interval": "month"}})
    coupon = api.coupons.create({"percent_off": 12.5, "duration": "repeating", "duration_in_months": 2})
    api.coupons.update(coupon.id, {"name": "Welcome"})
    api.coupons.retrieve(coupon.id, {"expand": ["applies_to"]})
    api.coupons.list()
    code = api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HELLO"})
    api.promotion_codes.update(code.id, {"active": False})
    api.promotion_codes.retrieve(code.id, {"expand": ["promotion.coupon"]})
    api.promotion_codes.list({"code": "HELLO", "coupon": coupon.id})
    api.coupons.delete(coupon.id)


def visit_customers(api: Any) -> str:
    address = {"line1": "Ofenweg 1", "city": "Höhr", "country": "DE"}
    customer = api.customers.create({"email": "ada@example.org", "name": "Ada", "address": address})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}, "phone": "+49"})
    api.customers.retrieve(customer.id, {"expand": ["subscriptions", "invoice_settings.default_payment_method"]})
    api.customers.list({"email": "ada@example.org"})
    api.customers.payment_methods.list(customer.id, {"type": "card"})
    api.payment_methods.update(method.id, {"metadata": {"kind": "first"}})
    api.payment_methods.retrieve(method.id)
    api.payment_methods.list({"customer": customer.id})
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034}
    spare = api.payment_methods.create({"type": "card", "card": card, "billing_details": {"name": "Ada"}})
    setup = api.setup_intents.create({"customer": customer.id, "payment_method_types": ["card"]})
    api.setup_intents.confirm(setup.id, {"payment_method": spare.id})
    api.setup_intents.retrieve(setup.id, {"expand": ["customer"]})
    api.setup_intents.list({"customer": customer.id})
    api.payment_methods.detach(spare.id)
    other = api.setup_intents.create({"automatic_payment_methods": {"enabled": True}})
    api.setup_intents.update(other.id, {"description": "For later", "metadata": {"a": "b"}})
    api.setup_intents.cancel(other.id, {"cancellation_reason": "abandoned"})
    visit_sources(api)
    gone = api.customers.create({"email": "gone@example.org"})
    api.customers.delete(gone.id)
    api.customers.retrieve(gone.id)
    return str(customer.id)


def visit_sources(api: Any) -> None:
    customer = api.customers.create({"source": "tok_visa"})
    sources = api.customers.payment_sources
    card = sources.create(customer.id, {"source": "tok_mastercard", "metadata": {"a": "b"}})
    sources.update(customer.id, card.id, {"name": "Ada", "exp_year": 2040})
    sources.retrieve(customer.id, card.id)
    sources.list(customer.id, {"object": "card"})
    sources.delete(customer.id, customer.default_source)


def visit_checkout(sandbox: Sandbox, api: Any, shelf: Shelf, customer: str) -> None:
    link = shelf.link(
        shelf.once,
        after_completion={"type": "redirect", "redirect": {"url": THANKS}},
        customer_creation="always",
        invoice_creation={"enabled": True, "invoice_data": {"metadata": {"a": "b"}}},
        payment_intent_data={"metadata": {"k": "v"}},
        allow_promotion_codes=True,
        consent_collection={"terms_of_service": "none"},
    )
    api.payment_links.update(link, {"metadata": {"m": "1"}, "inactive_message": "Closed"})
    api.payment_links.retrieve(link, {"expand": ["line_items"]})
    api.payment_links.list({"active": True})
    api.payment_links.line_items.list(link)
    sandbox.pay_link(link, email="ben@example.org", name="Ben")
    lines = [{"price": shelf.monthly, "quantity": 1}, {"price": shelf.once, "quantity": 1}]
    session = api.checkout.sessions.create(
        {"mode": "subscription", "customer": customer, "line_items": lines, "success_url": THANKS, "locale": "de"}
    )
    api.checkout.sessions.update(session.id, {"metadata": {"m": "1"}})
    sandbox.pay_session(session.id)
    api.checkout.sessions.retrieve(session.id, {"expand": ["line_items", "subscription.latest_invoice", "customer"]})
    api.checkout.sessions.line_items.list(session.id, {"limit": 1})
    api.checkout.sessions.list({"customer": customer, "expand": ["data.line_items", "data.invoice.payments"]})
    saving = api.checkout.sessions.create({"mode": "setup", "customer": customer, "success_url": THANKS})
    sandbox.pay_session(saving.id)
    left = api.checkout.sessions.create(
        {"mode": "payment", "line_items": [{"price": shelf.once, "quantity": 1}], "success_url": THANKS}
    )
    api.checkout.sessions.expire(left.id)


def visit_payments(sandbox: Sandbox, api: Any, customer: str) -> None:
    intent = api.payment_intents.create(
        {"amount": 900, "currency": "eur", "customer": customer, "capture_method": "manual"}
    )
    api.payment_intents.update(intent.id, {"description": "A thing"})
    api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    api.payment_intents.capture(intent.id, {"amount_to_capture": 800})
    paid = api.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.refunds", "customer"]})
    charge = paid.latest_charge.id
    api.payment_intents.list({"customer": customer})
    api.payment_intents.cancel(api.payment_intents.create({"amount": 100, "currency": "eur"}).id)
    api.charges.update(charge, {"metadata": {"seen": "1"}})
    api.charges.retrieve(charge, {"expand": ["payment_intent"]})
    api.charges.list({"payment_intent": intent.id})
    refund = api.refunds.create({"payment_intent": intent.id, "amount": 300, "reason": "requested_by_customer"})
    api.refunds.update(refund.id, {"metadata": {"a": "b"}})
    api.refunds.retrieve(refund.id, {"expand": ["charge"]})
    api.refunds.list({"charge": charge})
    dispute = sandbox.post(f"/sandbox/charges/{charge}/dispute")["id"]
    api.disputes.update(dispute, {"evidence": {"customer_name": "Ada"}})
    api.disputes.retrieve(dispute, {"expand": ["charge"]})
    api.disputes.list({"charge": charge})
    api.disputes.close(dispute)


def visit_subscriptions(sandbox: Sandbox, api: Any, shelf: Shelf, customer: str) -> None:
    inline = {"currency": "eur", "product": shelf.club, "unit_amount": 500, "recurring": {"interval": "month"}}
    made = api.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price_data": inline, "quantity": 2}],
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
            "add_invoice_items": [{"price": shelf.once}],
        }
    )
    added = api.subscription_items.create({"subscription": made.id, "price": shelf.monthly})
    api.subscription_items.update(added.id, {"quantity": 3})
    api.subscription_items.retrieve(added.id)
    api.subscription_items.list({"subscription": made.id})
    api.subscription_items.delete(added.id)
    api.subscriptions.update(made.id, {"trial_end": "now", "metadata": {"a": "b"}})
    api.subscriptions.update(made.id, {"cancel_at_period_end": True})
    api.subscriptions.update(made.id, {"cancel_at_period_end": False, "pause_collection": {"behavior": "void"}})
    api.subscriptions.retrieve(made.id, {"expand": ["latest_invoice.payments", "default_payment_method"]})
    api.subscriptions.list({"customer": customer, "status": "all", "expand": ["data.latest_invoice.customer"]})
    api.subscriptions.cancel(made.id, {"cancellation_details": {"feedback": "unused"}})
    poor = api.customers.create({"email": "dan@example.org"})
    paused = api.subscriptions.create(
        {
            "customer": poor.id,
            "items": [{"price": shelf.monthly}],
            "trial_period_days": 3,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    )
    sandbox.advance("4d")
    sandbox.post(f"/sandbox/customers/{poor.id}/card", {"card": "4242424242424242"})
    api.subscriptions.resume(paused.id)


def visit_invoices(api: Any, customer: str) -> None:
    item = api.invoice_items.create({"customer": customer, "amount": 700, "currency": "eur", "description": "Clay"})
    api.invoice_items.update(item.id, {"description": "More clay"})
    api.invoice_items.retrieve(item.id)
    api.invoice_items.list({"pending": True})
    spare = api.invoice_items.create({"customer": customer, "amount": 5, "currency": "eur"})
    api.invoice_items.delete(spare.id)
    invoice = api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    api.invoices.update(invoice.id, {"description": "For clay"})
    api.invoices.finalize_invoice(invoice.id)
    api.invoices.pay(invoice.id)
    api.invoices.retrieve(invoice.id, {"expand": ["payments.data.payment.payment_intent", "customer"]})
    api.invoices.line_items.list(invoice.id)
    api.invoices.list({"customer": customer, "status": "paid", "expand": ["data.payments"]})
    payment = api.invoice_payments.list({"invoice": invoice.id}).data[0]
    api.invoice_payments.retrieve(payment.id, {"expand": ["invoice"]})
    named = {"type": "payment_intent", "payment_intent": payment.payment.payment_intent}
    api.invoice_payments.list({"payment": named})
    for close in (api.invoices.void_invoice, api.invoices.mark_uncollectible):
        api.invoice_items.create({"customer": customer, "amount": 300, "currency": "eur"})
        other = api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
        api.invoices.finalize_invoice(other.id)
        close(other.id)
    api.invoices.delete(api.invoices.create({"customer": customer}).id)
    visit_credit_notes(api, customer, paid=invoice.id)


def visit_credit_notes(api: Any, customer: str, *, paid: str) -> None:
    wish = {"invoice": paid, "amount": 200, "refund_amount": 150, "credit_amount": 50}
    api.credit_notes.preview(wish)
    api.credit_notes.preview_lines.list({**wish, "limit": 1})
    note = api.credit_notes.create(wish)
    api.credit_notes.update(note.id, {"memo": "Sorry", "metadata": {"a": "b"}})
    api.credit_notes.retrieve(note.id, {"expand": ["invoice", "refunds.refund"]})
    api.credit_notes.line_items.list(note.id)
    api.invoice_items.create({"customer": customer, "amount": 400, "currency": "eur"})
    owed = api.invoices.create(
        {
            "customer": customer,
            "collection_method": "send_invoice",
            "days_until_due": 7,
            "pending_invoice_items_behavior": "include",
        }
    )
    api.invoices.send_invoice(owed.id)
    line = {"type": "custom_line_item", "quantity": 2, "unit_amount": 50, "description": "Late"}
    less = api.credit_notes.create({"invoice": owed.id, "lines": [line], "reason": "duplicate"})
    api.credit_notes.void_credit_note(less.id)
    api.credit_notes.list({"customer": customer, "invoice": owed.id})


def visit_portal(sandbox: Sandbox, api: Any, customer: str, shelf: Shelf) -> None:
    features: Json = {
        "customer_update": {"enabled": True, "allowed_updates": ["name"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {
            "enabled": True,
            "mode": "at_period_end",
            "cancellation_reason": {"enabled": True, "options": ["unused", "other"]},
        },
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "products": [{"product": shelf.club, "prices": [shelf.monthly]}],
        },
    }
    profile = {"headline": "Yours", "privacy_policy_url": "https://shop.example/privacy"}
    made = api.billing_portal.configurations.create({"features": features, "business_profile": profile})
    api.billing_portal.configurations.update(made.id, {"features": {"invoice_history": {"enabled": False}}})
    api.billing_portal.configurations.retrieve(made.id)
    api.billing_portal.configurations.list({"active": True})
    live = api.subscriptions.list({"customer": customer}).data[0]
    details = {"subscription": live.id}
    confirm = {**details, "items": [{"id": live.to_dict()["items"]["data"][0]["id"], "quantity": 2}]}
    offer = api.coupons.create({"percent_off": 10, "duration": "once"}).id
    stay = {"type": "coupon_offer", "coupon_offer": {"coupon": offer}}
    confirm["discounts"] = [{"coupon": offer}]
    after = {"type": "redirect", "redirect": {"return_url": "https://shop.example/"}}
    for flow in (
        {"type": "payment_method_update"},
        {"type": "subscription_update", "subscription_update": details},
        {"type": "subscription_update_confirm", "subscription_update_confirm": confirm},
        {
            "type": "subscription_cancel",
            "subscription_cancel": {**details, "retention": stay},
            "after_completion": after,
        },
    ):
        session = api.billing_portal.sessions.create(
            {"customer": customer, "configuration": made.id, "flow_data": flow, "expand": ["configuration"]}
        )
    sandbox.in_portal(session.url, "update_card", card="5555555555554444")
    sandbox.in_portal(session.url, "update_details", name="Ada L.")
    sandbox.in_portal(session.url, "cancel", subscription=live.id, feedback="other", comment="Bye")
    sandbox.in_portal(session.url, "resume", subscription=live.id)


def visit_housekeeping(sandbox: Sandbox, api: Any) -> None:
    endpoint = api.webhook_endpoints.create({"url": "http://127.0.0.1:9/hook", "enabled_events": ["*"]})
    api.webhook_endpoints.update(endpoint.id, {"disabled": True, "description": "Ours"})
    api.webhook_endpoints.retrieve(endpoint.id)
    api.webhook_endpoints.list()
    api.webhook_endpoints.delete(endpoint.id)
    event = api.events.list({"types": ["invoice.paid", "customer.updated"], "limit": 100}).data[0]
    api.events.retrieve(event.id)
    clock = api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000, "name": "Later"})
    sandbox.advance_clock(clock.id, to=1_800_000_000 + DAY)
    api.test_helpers.test_clocks.retrieve(clock.id)
    api.test_helpers.test_clocks.list()
    api.test_helpers.test_clocks.delete(clock.id)
