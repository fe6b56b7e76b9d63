"""What an integration needs beside Workmill itself, and what is said where that is missing."""

from workmill import ConfigError

PACKAGES = {
    "django": ("a2wsgi", "asgiref", "django"),
    "fastapi": ("fastapi",),
    "flask": ("a2wsgi", "click", "flask"),
    "sqlalchemy": ("sqlalchemy",),
}
"""What each extra brings that its integration imports."""


def missing(extra: str, error: ModuleNotFoundError) -> Exception:
    """Return what to raise where an integration could not be imported: a word about what to install, if that is it."""
    package = (error.name or "").partition(".")[0]
    if package not in PACKAGES[extra]:
        return error
    return ConfigError(
        f"workmill.contrib.{extra} needs {package}, which is not installed: pip install 'workmill[{extra}]'"
    )
