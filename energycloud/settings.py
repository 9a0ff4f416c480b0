"""Settings. Everything that differs between machines comes from the environment; README lists the names."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from energycloud import env

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env.folder("ENERGYCLOUD_VAR", BASE_DIR / "var")

DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.secret("SECRET_KEY", VAR_DIR)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
# HTTPS=1 behind a TLS-terminating proxy: secure cookies, wss:// addresses, HSTS.
HTTPS = env.flag("HTTPS", False)
# How many proxies in front of us append to X-Forwarded-For; 0 trusts only the socket's own address.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)

INSTALLED_APPS = [
    "daphne",
    "energycloud.apps.EnergyCloudConfig",
    "support.apps.SupportConfig",
    "passes.apps.PassesConfig",
    "stations.apps.StationsConfig",
    "tenancy.apps.TenancyConfig",
    "ui.apps.UiConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_tables2",
    "django_filters",
    "django_htmx",
    "import_export",
    "django_rq",
    "csp",
]

# WhiteNoise hands static files over in one piece, which is what they are for; our own downloads are asynchronous (ui/downloads.py).
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "tenancy.middleware.AddressMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenancy.middleware.TwoFactorMiddleware",
    "tenancy.middleware.OwnWaysMiddleware",
    "tenancy.pages.view_as.ViewAsMiddleware",
    "tenancy.middleware.LoginRequiredMiddleware",
    "tenancy.middleware.ScopeMiddleware",
    "energycloud.errors.NotAllowedMiddleware",
]

ROOT_URLCONF = "energycloud.urls"
ASGI_APPLICATION = "energycloud.asgi.application"
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
                "django.template.context_processors.i18n",
                "energycloud.context.shell",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "ui.templatetags.ui"],
        },
    }
]

DATABASES = {"default": env.database("DATABASE_URL", VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis_url("REDIS_URL")
EMBEDDED = not REDIS_URL
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    if EMBEDDED
    else {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if EMBEDDED
    else {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}
RQ_QUEUES: dict[str, Any] = {"default": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600}}
if EMBEDDED:
    # The queue lives in this process: it carries only nudges, the work itself is rows.
    CACHES["embedded_queue"] = {"BACKEND": "energycloud.embedded.QueueCache", "LOCATION": "embedded_queue"}
    RQ_QUEUES["default"] = {"USE_REDIS_CACHE": "embedded_queue", "DEFAULT_TIMEOUT": 600}

AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["tenancy.accounts.Backend", "guardian.backends.ObjectPermissionBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "tenancy.accounts.LongestPassword"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "tenancy.accounts.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {
    name: f"tenancy.accounts.{form}"
    for name, form in {
        "login": "LoginForm", "change_password": "ChangePasswordForm", "set_password": "SetPasswordForm",
        "reauthenticate": "ReauthenticateForm", "reset_password": "ResetPasswordForm", "reset_password_from_key": "ResetPasswordKeyForm",
        "user_token": "UserTokenForm",
    }.items()
}  # fmt: skip
# Passwords and codes are counted per account and per address, in the cache that all processes share; the rest is allauth's.
ACCOUNT_RATE_LIMITS = {"reauthenticate": "10/5m/user"}
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no mail to people who have no account
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES  # whose attempts to log in are counted together
MFA_ADAPTER = "tenancy.two_factor.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    name: f"tenancy.two_factor.{form}"
    for name, form in {
        "authenticate": "AuthenticateForm", "reauthenticate": "ReauthenticateForm", "activate_totp": "ActivateForm",
        "add_webauthn": "AddKeyForm", "edit_webauthn": "EditKeyForm", "authenticate_webauthn": "AuthenticateKeyForm",
        "reauthenticate_webauthn": "ReauthenticateKeyForm",
    }.items()
}  # fmt: skip
MFA_TOTP_ISSUER = "Energy Cloud"
MFA_TOTP_TOLERANCE = 1  # half a minute that the clock of a phone may be wrong
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses come from administrators
USERSESSIONS_ADAPTER = "tenancy.accounts.SessionsAdapter"
GUARDIAN_RAISE_403 = False
ANONYMOUS_USER_NAME = None  # guardian would otherwise create an account nobody asked for
RQ = {"SHOW_ADMIN_LINK": False}

mail = env.mail("EMAIL_URL")
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
EMAIL_TIMEOUT = 20
# Without a mail server letters go to the console and to a page for the platform's administrators.
MAIL_SHOWN = not mail
for name, value in mail.items():
    if name.startswith("EMAIL_"):
        globals()[name] = value
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Energy Cloud <no-reply@localhost>")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
# Months, days and new locations are in this zone unless the location says otherwise.
PLATFORM_TIME_ZONE = env.zone("PLATFORM_TIME_ZONE", "Europe/Amsterdam")

STATIC_URL = "/static/"
# What `make frontend` collects from npm packages; the same for every process, whatever ENERGYCLOUD_VAR is.
FRONTEND_DIR = BASE_DIR / "var" / "frontend"
FRONTEND_DIR.mkdir(parents=True, exist_ok=True)
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static", FRONTEND_DIR]
# What people and stations upload: firmware, logs, documents, exports. Never served by its path; several machines share this folder.
MEDIA_ROOT = env.folder("FILES_DIR", VAR_DIR / "files")
# The largest document that people may keep at a station or location, in MB
DOCUMENT_MAX_MB = env.number("DOCUMENT_MAX_MB", 20, least=1)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
CSRF_FAILURE_VIEW = "energycloud.errors.csrf_failure"
# A tile server for the map, such as https://tile.example.org/{z}/{x}/{y}.png; without one the map is plain.
MAP_TILES_URL = env.text("MAP_TILES_URL")
MAP_TILES_ATTRIBUTION = env.text("MAP_TILES_ATTRIBUTION")
if MAP_TILES_URL:
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"].append(env.origin("MAP_TILES_URL"))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_SSL_REDIRECT = False  # the proxy's job; the stations' plain-text port must not be redirected
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # which wants that redirect
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS and TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"

DJANGO_TABLES2_PAGE_RANGE = 7
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = IMPORT_EXPORT_ESCAPE_ILLEGAL_CHARS_ON_EXPORT = True

# Stations. Seconds unless the name says otherwise.
OCPP_HEARTBEAT_INTERVAL = env.number("OCPP_HEARTBEAT_INTERVAL", 300, least=10)
OCPP_PING_INTERVAL = env.number("OCPP_PING_INTERVAL", 30, least=1)
OCPP_PING_TIMEOUT = env.number("OCPP_PING_TIMEOUT", 30, least=1)
OCPP_MAX_FRAME_BYTES = env.number("OCPP_MAX_FRAME_BYTES", 256 * 1024, least=4096)
OCPP_COMMAND_TIMEOUT = env.number("OCPP_COMMAND_TIMEOUT", 30, least=1)
# TLS for stations (security profiles 2 and 3). On a port of our own: certificate and key of the port, PEM, and a file with authorities of
# stations' certificates beside the portal's own. Behind proxies that end TLS: the header in which they hand over the certificate.
OCPP_TLS_PORT = env.number("OCPP_TLS_PORT", 0)
OCPP_TLS_CERTIFICATE = env.text("OCPP_TLS_CERTIFICATE")
OCPP_TLS_KEY = env.text("OCPP_TLS_KEY")
OCPP_TLS_CLIENT_CA = env.text("OCPP_TLS_CLIENT_CA")
# Where stations are told to find TLS, such as wss://ocpp.example.org; else where they find us now.
OCPP_TLS_URL = env.base_url("OCPP_TLS_URL", ("wss",))
OCPP_CLIENT_CERT_HEADER = env.header("OCPP_CLIENT_CERT_HEADER", TRUSTED_PROXIES)
# Refused upgrades allowed per minute, per address and per identity, before the answer is 429.
OCPP_REFUSALS_PER_MINUTE = env.number("OCPP_REFUSALS_PER_MINUTE", 30, least=1)
STATION_PENDING_AFTER = env.number("STATION_PENDING_AFTER", 30 * 60, least=1)
STATION_OFFLINE_AFTER = env.number("STATION_OFFLINE_AFTER", 60 * 60, least=1)
# A closed socket counts as offline after this grace; stations that come back sooner were never gone.
STATION_CLOSED_GRACE = env.number("STATION_CLOSED_GRACE", 60, least=1)
# Roaming networks (OCPI): as which party we connect, and whether providers may stand in a private network.
OCPI_PARTY = env.party("OCPI_PARTY", "NL*ECL")
OCPI_PRIVATE_ADDRESSES = env.flag("OCPI_PRIVATE_ADDRESSES", False)
# Firmware for stations and what they upload. Stations find both where they connect, unless STATION_FILES_URL says where instead.
STATION_FILES_URL = env.base_url("STATION_FILES_URL")

# Certificates that an authority of the portal signs for stations: how long they hold, and how long before their end a new one is asked for.
CERTIFICATE_DAYS = env.number("CERTIFICATE_DAYS", 365, least=1)
CERTIFICATE_RENEW_DAYS = env.number("CERTIFICATE_RENEW_DAYS", 30, least=1)
# Hosts (host or host:port) that may be asked whether a certificate of others is revoked (OCSP). None: nobody is.
OCSP_RESPONDERS = env.words("OCSP_RESPONDERS", [])
STATION_LOG_MAX_MB = env.number("STATION_LOG_MAX_MB", 50, least=1)
# Days that what stations tell of customers is kept
CUSTOMER_INFORMATION_DAYS = env.number("CUSTOMER_INFORMATION_DAYS", 14, least=1)
STATION_LOG_RETENTION_DAYS = env.number("STATION_LOG_RETENTION_DAYS", 90, least=1)
FIRMWARE_MAX_MB = env.number("FIRMWARE_MAX_MB", 200, least=1)
# Seconds without news after which an update counts as stuck, and how many stations fetch firmware at the same time.
FIRMWARE_STUCK_AFTER = env.number("FIRMWARE_STUCK_AFTER", 2 * 3600, least=60)
FIRMWARE_AT_ONCE = env.number("FIRMWARE_AT_ONCE", 20, least=1)
# A transaction that is open for longer goes to the inbox.
TRANSACTION_OPEN_DAYS = env.number("TRANSACTION_OPEN_DAYS", 3, least=1)
FRAME_RETENTION_DAYS = env.number("FRAME_RETENTION_DAYS", 90, least=1)

# Imports: what is uploaded, what an XLSX file unpacks to, and how many rows.
IMPORT_MAX_BYTES = env.number("IMPORT_MAX_BYTES", 500_000_000, least=1000)
IMPORT_MAX_UNPACKED_BYTES = env.number("IMPORT_MAX_UNPACKED_BYTES", 200_000_000, least=1000)
IMPORT_MAX_ROWS = env.number("IMPORT_MAX_ROWS", 5_000_000, least=1)
IMPORT_MAX_XLSX_ROWS = env.number("IMPORT_MAX_XLSX_ROWS", 200_000, least=1)

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "refusals": {"()": "energycloud.logs.NoRefusals"},
        "no_trace": {"()": "energycloud.logs.NoTraceOfRefusals"},
        "no_cards": {"()": "energycloud.logs.NoCards"},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "stations": {"level": LOG_LEVEL},
        "energycloud": {"level": LOG_LEVEL},
        # One line per refused upgrade would be a flood an outsider controls.
        "uvicorn": {"level": "WARNING"},
        "uvicorn.error": {"filters": ["refusals"]},
        "django.request": {"filters": ["no_trace", "no_cards"]},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
