from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hub.models import Site


def site(_request: HttpRequest) -> dict[str, Any]:
    return {"site": SimpleLazyObject(Site.load)}
