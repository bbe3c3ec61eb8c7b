from django.urls import path

from billing import views
from billing.console import connection, deciding, importing, linking, policy, pricing

app_name = "billing"
urlpatterns = [
    path("stripe/webhook/<uuid:uuid>/", views.webhook, name="webhook"),
    path("checkout/return", views.checkout_return, name="return"),
    path("checkout/<slug:slug>/", views.start_checkout, name="checkout"),
    path("portal/", views.open_portal, name="portal"),
    path("account/", views.account, name="account"),
    path("account/keep/", views.keep_subscription, name="keep"),
    path("account/resume/", views.resume_subscription, name="resume"),
    path("console/stripe/", connection.stripe, name="console"),
    path("console/stripe/disconnect/", connection.disconnect, name="disconnect"),
    path("console/stripe/portal/", connection.portal, name="portal_settings"),
    path("console/stripe/imports/", importing.imports, name="imports"),
    path("console/stripe/imports/<int:pk>/", importing.one, name="import"),
    path("console/stripe/imports/<int:pk>/rows.csv", importing.rows, name="import_rows"),
    path("console/stripe/imports/<int:pk>/apply/", importing.apply, name="import_apply"),
    path("console/stripe/imports/<int:pk>/stop/", importing.stop, name="import_stop"),
    path("console/stripe/imports/<int:pk>/resume/", importing.resume, name="import_resume"),
    path("console/stripe/imports/<int:pk>/forget/", importing.forget, name="import_forget"),
    path("console/stripe/imports/<int:pk>/undo/", importing.undo, name="import_undo"),
    path("console/stripe/policy/", policy.site, name="policy"),
    path("console/stripe/policy/<slug:slug>/", policy.of_product, name="policy_of"),
    path("console/decide/", deciding.decide, name="decide"),
    path("console/decide/<int:pk>/settle/", deciding.settle, name="settle"),
    path("console/decide/<int:pk>/close/", deciding.close_left_behind, name="close_left_behind"),
    path("console/decide/<int:pk>/payer/", deciding.payer, name="payer"),
    path("console/decide/<int:pk>/payer/back/", deciding.take_back, name="take_payer_back"),
    path("console/products/<slug:slug>/stripe/", linking.link, name="link"),
    path("console/products/<slug:slug>/stripe/new/", linking.create, name="create"),
    path("console/products/<slug:slug>/stripe/prices/", pricing.offers, name="offers"),
    path("console/products/<slug:slug>/stripe/prices/again/", pricing.put_on_sale, name="put_on_sale"),
    path("console/products/<slug:slug>/stripe/unlink/", linking.unlink, name="unlink"),
]
