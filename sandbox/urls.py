"""Addresses of the sandbox: Stripe's API, the control API, and the pages a person sees."""

from django.urls import include, path, re_path

from sandbox.control import urlpatterns as control
from sandbox.http import answer_api

urlpatterns = [
    re_path(r"^(v[12](?:/[\s\S]*)?)$", answer_api),
    *control,
    path("", include("sandbox.pages.urls")),
]
