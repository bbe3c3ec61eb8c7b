"""Addresses of the sandbox: Stripe's API, the control API, and the pages a person sees."""

from django.urls import include, path

from sandbox.control import urlpatterns as control
from sandbox.http import v1

urlpatterns = [
    path("v1/<path:path>", v1),
    *control,
    path("", include("sandbox.pages.urls")),
]
