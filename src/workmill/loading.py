"""Importing an application by its name, for whatever is started from a command line or the environment."""

from pathlib import Path

from workmill.app import App


def load_app(target: str, folder: Path | None = None, *, origin: str = "") -> App:
    """Import the application that is named.

    Args:
        target: `module:attribute`.
        folder: Comes first on the import path from now on; None leaves that path alone.
        origin: Who named it, as errors are to say.

    Raises:
        ConfigError: The module or attribute is missing, importing it fails, or it is not an `App`. What its module
            raised is shown with the module's own frames.
    """
    from workmill.running.target import load_target  # noqa: PLC0415 - a program that makes its own needs it not

    found = load_target(target, folder, origin=origin)
    assert isinstance(found, App)  # noqa: S101 - nothing else has a program; for the type checker
    return found
