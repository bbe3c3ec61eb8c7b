import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from config.checks import sqlite_has_one_worker  # noqa: E402  # settings first

for problem in sqlite_has_one_worker():
    raise ImproperlyConfigured(f"{problem.msg} {problem.hint}")
