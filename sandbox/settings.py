"""Settings of the sandbox's own little Django project: no database, no apps of ours, loopback only."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
# Signs the pages' CSRF and note cookies of a throw-away account: no secret of anybody's.
SECRET_KEY = os.environ.get("SANDBOX_SECRET_KEY", "sandbox-holds-no-secrets")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *filter(None, os.environ.get("SANDBOX_HOSTS", "").split(","))]
ROOT_URLCONF = "sandbox.urls"
WSGI_APPLICATION = "sandbox.wsgi.application"
INSTALLED_APPS: list[str] = ["django.contrib.staticfiles"]
MIDDLEWARE = [
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "sandbox.pages.security.protect_pages",
    "django.middleware.csrf.CsrfViewMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request"],
            "builtins": [
                "django.templatetags.static",
                "lucide.templatetags.lucide",
                "sandbox.pages.wording",
            ],
        },
    }
]
STATIC_URL = "/sandbox/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
CSRF_COOKIE_NAME = "sandbox_csrftoken"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Refused requests are the sandbox's daily work; only its own failures are news.
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
