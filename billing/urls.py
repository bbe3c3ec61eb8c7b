from django.urls import path

from billing import console, views

app_name = "billing"
urlpatterns = [
    path("stripe/webhook/<uuid:uuid>/", views.webhook, name="webhook"),
    path("checkout/return", views.checkout_return, name="return"),
    path("checkout/<slug:slug>/", views.start_checkout, name="checkout"),
    path("portal/", views.open_portal, name="portal"),
    path("account/", views.account, name="account"),
    path("console/stripe/", console.stripe, name="console"),
    path("console/decide/", console.decide, name="decide"),
    path("console/decide/<int:pk>/settle/", console.settle, name="settle"),
    path("console/products/<slug:slug>/stripe/", console.link, name="link"),
    path("console/products/<slug:slug>/stripe/unlink/", console.unlink, name="unlink"),
]
