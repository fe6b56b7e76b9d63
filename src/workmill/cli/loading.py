"""Finding the application that a command is about."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import workmill
from workmill import App, ConfigError

VARIABLE = "WORKMILL_APP"
SETTINGS = "pyproject.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where an application is: `module:attribute`, the folder to import it from, and who said so."""

    spec: str
    folder: Path
    origin: str


def find_app(given: str | None) -> AppAddress:
    """Return the address given, else `WORKMILL_APP`'s, else that of the nearest pyproject.toml.

    Raises:
        ConfigError: None of them names an application, or a pyproject.toml cannot be read.
    """
    return locate(given, environ=os.environ, folder=Path.cwd())


def locate(given: str | None, *, environ: Mapping[str, str], folder: Path) -> AppAddress:
    """Do what `find_app` does, from an environment and a working folder that are handed in.

    Raises:
        ConfigError: As for `find_app`.
    """
    if given:
        return AppAddress(spec=given, folder=folder, origin="the command line")
    if named := environ.get(VARIABLE):
        return AppAddress(spec=named, folder=folder, origin=VARIABLE)
    if found := _from_settings(folder):
        return found
    raise ConfigError(
        f"no application is named; give it as module:attribute (such as main:app), set {VARIABLE}, "
        f'or write app = "main:app" under [tool.workmill] in {SETTINGS}'
    )


def load_app(given: str | None) -> App:
    """Import the application that a command is about.

    Raises:
        ConfigError: It is not named, cannot be imported, or is not an `App`. Says where the name came from.
    """
    return import_app(find_app(given))


def import_app(address: AppAddress) -> App:
    """Import the application at an address; its folder comes first on the import path from now on.

    Raises:
        ConfigError: The module or attribute is missing, importing it fails, or it is not an `App`.
    """
    return workmill.load_app(address.spec, address.folder, origin=address.origin)


def _from_settings(folder: Path) -> AppAddress | None:
    for each in (folder, *folder.parents):
        path = each / SETTINGS
        if path.is_file():
            return _read_settings(path)
    return None


def _read_settings(path: Path) -> AppAddress | None:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("workmill", {})
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    spec = table.get("app") if isinstance(table, dict) else None
    if spec is None:
        return None
    if not isinstance(spec, str):
        raise ConfigError(f'app={spec!r} under [tool.workmill] in {path} is not text; write it like "main:app"')
    return AppAddress(spec=spec, folder=path.parent, origin=str(path))
