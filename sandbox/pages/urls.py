"""Addresses of the sandbox's pages."""

from django.urls import path

from sandbox.pages import checkout, customers, dashboard, invoices, mail, payments, portal, webhooks

urlpatterns = [
    path("c/pay/<str:session_id>", checkout.pay, name="checkout"),
    path("c/pay/<str:session_id>/verify", checkout.verify, name="checkout-verify"),
    path("c/pay/<str:session_id>/promotion", checkout.promotion, name="checkout-promotion"),
    path("c/pay/<str:session_id>/quantity", checkout.quantity, name="checkout-quantity"),
    path("b/<str:token>", checkout.payment_link, name="payment-link"),
    path("i/<str:invoice_id>", invoices.invoice, name="hosted-invoice"),
    path("p/session/<str:token>", portal.home, name="portal"),
    path("p/session/<str:token>/card", portal.card, name="portal-card"),
    path("p/session/<str:token>/details", portal.details, name="portal-details"),
    path("p/session/<str:token>/methods/<str:method_id>", portal.method, name="portal-method"),
    path("p/session/<str:token>/<str:subscription_id>/cancel", portal.cancel, name="portal-cancel"),
    path("p/session/<str:token>/<str:subscription_id>/resume", portal.resume, name="portal-resume"),
    path("p/session/<str:token>/<str:subscription_id>/change", portal.change, name="portal-change"),
    path("sandbox/", dashboard.overview, name="dashboard"),
    path("sandbox/time", dashboard.move_time, name="dashboard-clock"),
    path("sandbox/customers", customers.customers, name="dashboard-customers"),
    path("sandbox/customers/<str:customer_id>", customers.customer, name="dashboard-customer"),
    path("sandbox/customers/<str:customer_id>/swap-card", customers.change_card, name="dashboard-customer-card"),
    path("sandbox/customers/<str:customer_id>/collect", customers.retry, name="dashboard-customer-retry"),
    path("sandbox/subscriptions", customers.subscriptions, name="dashboard-subscriptions"),
    path(
        "sandbox/subscriptions/<str:subscription_id>",
        customers.change_subscription,
        name="dashboard-subscription-do",
    ),
    path("sandbox/payments", payments.payments, name="dashboard-payments"),
    path("sandbox/payments/<str:intent_id>", payments.payment, name="dashboard-payment"),
    path("sandbox/payments/<str:intent_id>/refund", payments.refund, name="dashboard-refund"),
    path("sandbox/payments/<str:intent_id>/dispute", payments.dispute, name="dashboard-dispute"),
    path("sandbox/disputes/<str:dispute_id>", payments.change_dispute, name="dashboard-dispute-move"),
    path("sandbox/receipts/<str:charge_id>", payments.receipt, name="receipt"),
    path("sandbox/products", dashboard.products, name="dashboard-products"),
    path("sandbox/events", webhooks.events, name="dashboard-events"),
    path("sandbox/events/<str:event_id>", webhooks.event, name="dashboard-event"),
    path("sandbox/webhooks", webhooks.deliveries, name="dashboard-deliveries"),
    path("sandbox/webhooks/chaos", webhooks.change_chaos, name="dashboard-chaos"),
    path("sandbox/webhooks/flush", webhooks.flush, name="dashboard-flush"),
    path("sandbox/webhooks/<str:delivery_id>/resend", webhooks.resend, name="dashboard-resend"),
    path("sandbox/mail/", mail.mailbox, name="mailbox"),
    path("sandbox/mail/<str:mail_id>", mail.message, name="mail-message"),
    path("sandbox/mail/<str:mail_id>/html", mail.message_html, name="mail-html"),
]
