"""Settings of Vedfolnir, all from the environment. docs/operators.md lists every variable."""

from pathlib import Path
from typing import Any

import django_stubs_ext
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from vedfolnir import env

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("VEDFOLNIR_DATA_DIR") or str(BASE_DIR / "var")).absolute()
env.load_env_file(DATA_DIR / "env")

SECRET_KEY = env.secret_key()
PLATFORM_ENCRYPTION_KEYS = env.encryption_keys()
DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = env.allowed_hosts()
CSRF_TRUSTED_ORIGINS = list(env.words("CSRF_TRUSTED_ORIGINS"))

REDIS_URL = env.redis_url()
EMBEDDED = not REDIS_URL  # one machine, no services: DESIGN section 5

INSTALLED_APPS = [
    "vedfolnir.apps.VedfolnirConfig",
    "accounts.apps.AccountsConfig",
    "platforms.apps.PlatformsConfig",
    "captions.apps.CaptionsConfig",
    "processing.apps.ProcessingConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.SessionActivityMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "vedfolnir.urls"
WSGI_APPLICATION = "vedfolnir.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "vedfolnir" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "platforms.switching.context",
            ],
        },
    },
]

# --- data -----------------------------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database(
        env.text("DATABASE_URL") or f"sqlite:///{DATA_DIR}/db.sqlite3",
        max_age=env.number("CONN_MAX_AGE", default=60),
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT") or str(DATA_DIR / "media")).absolute()

CACHES = {
    "default": (
        # In the database, so that ending a session works across the processes of one machine.
        {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache",
            # Django's own 300 would let many wrong names push out the counters of the sign-in limits.
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
        if EMBEDDED
        else {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "vedfolnir",
        }
    )
}

# --- people ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.adapter.ApprovedUserBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in [
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
    ]
]
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Many people may sit behind one address, so it may fail more often than one name may.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/5m/key"}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# allauth's conditional constraint does not exist on MariaDB; users.email is the truth here (docs/decisions.md).
# W005 and W021 want HSTS for the whole domain, which is not ours to promise: HSTS_SUBDOMAINS does it.
SILENCED_SYSTEM_CHECKS = ["models.W036", "security.W005", "security.W021"]

# --- the page -------------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "vedfolnir" / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = ["vedfolnir.formats"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT") or str(DATA_DIR / "static")).absolute()
STATICFILES_DIRS = [BASE_DIR / "vedfolnir" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER = "vedfolnir.errors.SecretlessReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "vedfolnir.errors.SecretlessFilter"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# HTTPS is the production default; the embedded set-up listens on loopback without it.
HTTPS = env.flag("HTTPS", default=not EMBEDDED)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^health$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# Of this host alone, unless told: other sites of the domain may not speak HTTPS, and browsers remember for a year.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS and env.flag("HSTS_SUBDOMAINS", default=False)
BEHIND_PROXY = env.flag("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- edges ----------------------------------------------------------------------------------------------------------

OUTBOUND_ALLOW = env.outbound_allow()
CAPTION_ENGINE = env.caption_engine()
CAPTION_LANGUAGE = env.caption_language()
OLLAMA_URL = env.ollama_url()
OLLAMA_MODEL = env.text("OLLAMA_MODEL")
TRANSFORMERS_MODEL = env.transformers_model()
MODEL_FOLDER = Path(env.text("MODEL_FOLDER") or str(DATA_DIR / "models")).absolute()
HF_ENDPOINT = env.hub_url()
OPENAI_MODEL = env.text("OPENAI_MODEL")
OPENAI_BASE_URL = env.openai_base_url(CAPTION_ENGINE, OPENAI_MODEL)
OPENAI_API_KEY = env.openai_api_key()
EXAMINE_PICTURES = env.flag("EXAMINE_PICTURES", default=True)
CAPTION_STRUCTURED = env.flag("CAPTION_STRUCTURED", default=False)
ENGINE_PLACES = env.engine_places()
ENGINE_TIMEOUT = env.number("ENGINE_TIMEOUT", default=600, least=5, most=3600)
ENGINE_PRICES = env.engine_prices()
ENGINE_CURRENCY = env.engine_currency()
CANDIDATES_FOR_DOUBTFUL = env.number("CANDIDATES_FOR_DOUBTFUL", default=0, most=2)

# --- work: the database is the truth, a message is a doorbell (docs/architecture.md) ----------------------------------

SWEEP_SECONDS = env.number("SWEEP_SECONDS", default=3 if EMBEDDED else 30, least=1, most=3600)
# How long a worker may hold a scan or a picture without a sign of life; 0: as the engine's time limit demands.
LEASE_SECONDS = env.number("LEASE_SECONDS", default=0)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "io"
CELERY_TASK_ROUTES = {"processing.tasks.caption_images": {"queue": "captions"}}
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    # What nobody took in time is rung again anyway: messages must not pile up while no worker runs.
    "sweep": {
        "task": "processing.tasks.sweep",
        "schedule": float(SWEEP_SECONDS),
        "options": {"expires": 2 * SWEEP_SECONDS + 10},
    },
    "heartbeat": {"task": "processing.tasks.heartbeat", "schedule": 10.0, "options": {"expires": 30}},
}
if EMBEDDED:
    CELERY_BROKER_URL = "vedfolnir-files://localhost//"
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(DATA_DIR / "broker" / "messages"),
        "data_folder_out": str(DATA_DIR / "broker" / "messages"),
        "control_folder": str(DATA_DIR / "broker" / "control"),
        "polling_interval": 0.1,
    }
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # one machine: `serve` is the control
else:
    CELERY_BROKER_URL = env.broker_url(REDIS_URL)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Above the longest lease; a doorbell that rings twice changes nothing.
        "visibility_timeout": 900,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "global_keyprefix": "vedfolnir:",
    }

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "vedfolnir.errors.SecretlessFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.log_level()},
    # A line for each ring of a doorbell says nothing; what came of it, our own loggers say. That a worker "restores"
    # some at its end, or "discards" what was not heard in time, reads like a loss: the scheduler rings again.
    "loggers": {
        name: {"level": "WARNING"}
        for name in (
            "celery.app.trace",
            "celery.beat",
            "celery.worker.request",
            "celery.worker.strategy",
            "kombu.transport.virtual.base",
        )
    },
}
