import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from kombu import Queue
from psycopg_pool import ConnectionPool

from config.env import BASE_DIR, DEBUG, SITE_URL, VAR_DIR, env, listed
from config.live_keys import refuse_live_key
from config.logs import logging_settings
from config.secret_key import read_or_make_secret_key

# Throwaway databases (tests, the demo) are made without dj-stripe's migrations, which take a minute of CPU.
THROWAWAY_SCHEMA = env.bool("FOYER_THROWAWAY_SCHEMA", default=False)
MIGRATION_MODULES = {"djstripe": "config.throwaway_djstripe"} if THROWAWAY_SCHEMA else {}
DEMO = env.bool("FOYER_DEMO", default=False)

VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)  # keys, mail and the database: for the site's user alone
SECRET_KEY = env.str("SECRET_KEY", default="") or read_or_make_secret_key(VAR_DIR, allowed=DEBUG or DEMO)
ENCRYPTION_KEYS = listed("ENCRYPTION_KEYS") or [SECRET_KEY]

HTTPS = SITE_URL.startswith("https://")
LOOPBACK = ["localhost", "127.0.0.1"] if DEBUG or DEMO or THROWAWAY_SCHEMA else []
ALLOWED_HOSTS = listed("ALLOWED_HOSTS") or [re.sub(r"^https?://|[:/].*$", "", SITE_URL), *LOOPBACK]
CSRF_TRUSTED_ORIGINS = [SITE_URL]

INSTALLED_APPS = [
    "config",
    "hub",
    "billing",
    "activities",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "lucide",
    "csp",
    "djstripe",
]

MIDDLEWARE = [
    "billing.middleware.webhook_door",
    "django.middleware.security.SecurityMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "hub.middleware.parts_with_their_page",
    "hub.middleware.seen_as_member",
    "hub.middleware.visitor_timezone",
    "hub.middleware.refusals_with_a_face",
    "hub.middleware.last_seen",
    "hub.middleware.kept_private",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.context.site",
                "hub.context.may",
            ],
        },
    }
]

# Database: SQLite in WAL with immediate transactions until DATABASE_URL names a PostgreSQL.
DATABASE_URL = env.str("DATABASE_URL", default="")
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(DATABASE_URL or f"sqlite:///{VAR_DIR / 'foyer.sqlite3'}")
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000",
    }
    # Tests meet the database that people run: a file, which several threads and processes can open.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["ENGINE"] = "config.postgresql"
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": env.int("DATABASE_POOL", default=10),
        "timeout": 10,
        # While the server is away it is tried each second, not ever more rarely.
        "reconnect_timeout": 1,
        "reconnect_failed": ConnectionPool.check,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Rate limits live in the cache: give CACHE_URL as soon as there is more than one web machine.
CACHES = {"default": env.cache_url_config(env.str("CACHE_URL", default=f"filecache://{VAR_DIR / 'cache'}"))}
if CACHES["default"]["BACKEND"].endswith(("FileBasedCache", "LocMemCache")):
    # Beyond 300 Django drops a third at random: who asks from many addresses would empty the others' counters.
    CACHES["default"].setdefault("OPTIONS", {}).setdefault("MAX_ENTRIES", 20_000)
if CACHES["default"]["BACKEND"].endswith("FileBasedCache"):
    CACHES["default"]["BACKEND"] = "config.filecache.LockedFileBasedCache"

# Identity
AUTH_USER_MODEL = "hub.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "hub:library"
CSRF_FAILURE_VIEW = "hub.views.refusals.form_without_its_token"
ACCOUNT_ADAPTER = "hub.accounts.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "hub.forms.SignInForm",
    "signup": "hub.forms.JoinForm",
    "add_email": "hub.forms.NewAddressForm",
    "reset_password": "hub.forms.ForgottenPasswordForm",
    "request_login_code": "hub.forms.CodeForm",
    "confirm_login_code": "hub.forms.EnterCodeForm",
    "confirm_email_verification_code": "hub.forms.ConfirmAddressForm",
}
# Nobody waits because of what strangers do with their address: hub/codes.py. `key` is address and visitor there.
ACCOUNT_RATE_LIMITS = {
    "request_login_code": "20/m/ip",
    "code_mail": "3/10m/key",
    "try_code": "10/10m/key",
    "reset_password": "20/m/ip,5/m/key,20/h/key",
    "confirm_email": "20/m/ip",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
# Seconds that a code lives; pages and mails tell it: hub/codes.py.
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = ACCOUNT_LOGIN_BY_CODE_TIMEOUT
ACCOUNT_LOGIN_TIMEOUT = 60 * 60
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_ADAPTER = "hub.accounts.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=0)

# Browser security
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if DEMO:
    # Cookies know no ports: two demos in one browser would sign each other out.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = (f"{name}_{urlsplit(SITE_URL).port}" for name in ("session", "csrf"))
SESSION_COOKIE_AGE = int(timedelta(days=60).total_seconds())
SECURE_SSL_REDIRECT = HTTPS
# Probes speak plain http, and take a redirect for an answer.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^stripe/webhook/"]
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
if ALLAUTH_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb")
}
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")
CHECKOUT_ORIGINS = (
    [STRIPE_API_BASE] if STRIPE_API_BASE else ["https://checkout.stripe.com", "https://billing.stripe.com"]
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "media-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "frame-src": ["https://www.youtube-nocookie.com", "https://player.vimeo.com"],
        # Browsers apply form-action to redirects too: checkout and portal are reached by POST, then 303.
        "form-action": ["'self'", *CHECKOUT_ORIGINS],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# Static files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
MANIFEST_STATIC = not (DEBUG or DEMO or THROWAWAY_SCHEMA)
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not MANIFEST_STATIC
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if MANIFEST_STATIC
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# E-mail: a folder until EMAIL_URL names a server.
EMAIL_URL = env.str("EMAIL_URL", default="")
MAIL_DIR = VAR_DIR / "mail"
if EMAIL_URL:
    vars().update(env.email_url_config(EMAIL_URL))
else:
    EMAIL_BACKEND = "activities.mailfolder.EmailBackend"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("FROM_EMAIL", default="Foyer <foyer@localhost>")

# Celery: messages are doorbells; every task is safe to run twice, late or never.
BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="folder://")
if CELERY_BROKER_URL.startswith("folder"):
    for folder in ("messages", "processed", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": True,
        "polling_interval": 0.1,
    }
elif CELERY_BROKER_URL.startswith("redis"):
    # One that takes connections and answers nothing would hold the scheduler for ever, instead of being away.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}
# Access waits neither for a thousand e-mails nor for a comparison of everything: each has a queue of its own.
# A worker that is not told which (-Q) works off all three.
CELERY_TASK_DEFAULT_QUEUE = "access"
CELERY_TASK_QUEUES = [Queue(name) for name in ("access", "mail", "passes")]
CELERY_TASK_ROUTES = {
    "activities.tasks.*": {"queue": "mail"},
    "billing.tasks.catch_up": {"queue": "passes"},
    "billing.tasks.full_pass": {"queue": "passes"},
    "billing.tasks.work_on_imports": {"queue": "passes"},
    "billing.tasks.tidy": {"queue": "passes"},
    "hub.tasks.*": {"queue": "passes"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 220_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.celery:SteadfastScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "billing.tasks.sweep", "schedule": env.float("SWEEP_SECONDS", default=20.0)},
    "deliver": {"task": "activities.tasks.deliver", "schedule": env.float("SWEEP_SECONDS", default=20.0)},
    "batches": {"task": "hub.tasks.carry_on", "schedule": env.float("SWEEP_SECONDS", default=20.0)},
    "imports": {"task": "billing.tasks.work_on_imports", "schedule": env.float("SWEEP_SECONDS", default=20.0)},
    "catch-up": {"task": "billing.tasks.catch_up", "schedule": timedelta(minutes=15)},
    "full-pass": {"task": "billing.tasks.full_pass", "schedule": timedelta(days=1)},
    "absences": {"task": "hub.tasks.note_absences", "schedule": timedelta(hours=1)},
    "tidy": {"task": "billing.tasks.tidy", "schedule": timedelta(days=1)},
}

# Stripe
STRIPE_SECRET_KEY_FROM_ENV = env.str("FOYER_STRIPE_KEY", default="")
refuse_live_key(
    STRIPE_SECRET_KEY_FROM_ENV, toys={"DEBUG": DEBUG, "FOYER_DEMO": DEMO, "STRIPE_API_BASE": STRIPE_API_BASE}
)
STRIPE_API_VERSION = "2026-08-26.dahlia"
STRIPE_TIMEOUT = env.float("STRIPE_TIMEOUT", default=20.0)
STRIPE_CALLS_PER_SECOND = env.float("STRIPE_CALLS_PER_SECOND", default=20.0)  # in the background, by all processes
STRIPE_WAITING_TIMEOUT = 5.0  # while a person waits for the answer
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_SUBSCRIBER_CUSTOMER_KEY = ""
DJSTRIPE_USE_NATIVE_JSONFIELD = True

# The sandbox's clock can be moved; a site that talks to it reads the offset from this file.
CLOCK_FILE = env.str("FOYER_CLOCK_FILE", default="")
# Lets a monitor read /health/ with "Authorization: Bearer …"; without it only the staff can.
HEALTH_TOKEN = env.str("HEALTH_TOKEN", default="")
INBOX_RETENTION_DAYS = env.int("INBOX_RETENTION_DAYS", default=60)

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["config.formats"]
# Where nobody's browser has told a better one.
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

LOGGING = logging_settings(level=env.str("LOG_LEVEL", default="INFO"), json=not (DEBUG or DEMO))
