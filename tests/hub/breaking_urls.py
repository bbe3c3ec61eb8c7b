"""A site whose only page breaks."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def break_down(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


urlpatterns = [path("", break_down)]
