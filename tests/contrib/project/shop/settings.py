"""Settings of a small project; the folder of its database and what WORKMILL holds come from the environment."""

import json
import os

SECRET_KEY = "for tests"
USE_TZ = True
ALLOWED_HOSTS = ["testserver", "shop.example"]
ROOT_URLCONF = "shop.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SHOP_DATABASE"]}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "workmill.contrib.django",
    "shop",
    "shop.letters",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
BACKEND = "workmill.contrib.django.backend.WorkmillBackend"
TASKS = {
    "default": {"BACKEND": BACKEND, "QUEUES": ["default", "mail"]},
    "careful": {"BACKEND": BACKEND, "OPTIONS": {"on_commit": True}},
}
WORKMILL = json.loads(os.environ.get("SHOP_WORKMILL", "{}"))
