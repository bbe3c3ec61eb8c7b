"""The WSGI application that `python -m sandbox serve` runs."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from sandbox.box import box
from sandbox.listening import PATH
from sandbox.types import Obj

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")
pages = get_wsgi_application()


def application(environ: Obj, start_response: Any) -> Iterable[bytes]:
    """Everything is Django's but the command line's websocket, which takes the connection over."""
    if environ["PATH_INFO"].startswith(PATH):
        return box().listeners.answer(environ, start_response, hear=box().post.hear)
    shown: Iterable[bytes] = pages(environ, start_response)
    return shown
