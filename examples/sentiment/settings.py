"""Django's settings. What differs from one installation to the next comes from the environment."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from examples.sentiment.database import database_for

HERE = Path(__file__).parent
MEGABYTE = 1024 * 1024

SECRET_KEY = os.environ.get("SENTIMENT_SECRET_KEY") or secrets.token_urlsafe(50)  # Nothing here outlives it.
ALLOWED_HOSTS = os.environ.get("SENTIMENT_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
DEBUG = False
INSTALLED_APPS = ["examples.sentiment", "workmill.contrib.django"]
WORKMILL = {"app": "examples.sentiment.mill:app"}
ROOT_URLCONF = "examples.sentiment.urls"
WSGI_APPLICATION = "examples.sentiment.web.application"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASE = database_for(os.environ.get("WORKMILL_URL") or "sqlite:///workmill.db", os.environ.get("SENTIMENT_DATABASE"))
DATABASES = {"default": DATABASE.settings}
MILL_JOINS = DATABASE.joins
"""Whether a transaction of Django's can hold jobs as well as rows."""

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "examples.sentiment.guarding.guarded",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
SECURE_REFERRER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "examples.sentiment.views.not_from_here"
CSRF_COOKIE_NAME = "sentiment-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_AGE = None
CSRF_COOKIE_SAMESITE = "Strict"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE / "templates"]}]

LARGEST_FILE = MEGABYTE
LARGEST_BODY = LARGEST_FILE + 16 * 1024
"""The file, and what a form says around it."""
DATA_UPLOAD_MAX_MEMORY_SIZE = LARGEST_BODY
FILE_UPLOAD_MAX_MEMORY_SIZE = LARGEST_BODY
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# Mail goes into files unless SENTIMENT_SMTP names a server, as in `smtp://name:password@mail.example:587?tls=yes`.
SMTP = urlsplit(os.environ.get("SENTIMENT_SMTP", ""))
DEFAULT_FROM_EMAIL = os.environ.get("SENTIMENT_MAIL_FROM", "sentiment@localhost")
EMAIL_FILE_PATH = os.environ.get("SENTIMENT_MAIL_FOLDER") or str(Path("sentiment-mail").absolute())
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if SMTP.hostname else 'filebased'}.EmailBackend"
EMAIL_HOST = SMTP.hostname or ""
EMAIL_PORT = SMTP.port or 25
EMAIL_HOST_USER = SMTP.username or ""
EMAIL_HOST_PASSWORD = SMTP.password or ""
EMAIL_USE_TLS = "tls=yes" in SMTP.query
EMAIL_TIMEOUT = 20

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"terminal": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["terminal"], "level": "ERROR"}},
}
