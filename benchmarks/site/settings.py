"""Our settings, and what dj-stripe's own webhook view needs beside them."""

from config.settings import *  # noqa: F403
from config.settings import STRIPE_API_BASE

ROOT_URLCONF = "benchmarks.site.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
STRIPE_API_HOST = STRIPE_API_BASE
STRIPE_LIVE_MODE = False
STRIPE_TEST_SECRET_KEY = "sk_test_foyertests0000000000000000"
