"""Finding the application that a command is about, and saying exactly what is wrong when it cannot be loaded."""

import difflib
import importlib
import importlib.util
import os
import sys
import tomllib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

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
    module_name, _, attribute = address.spec.partition(":")
    if not module_name or not attribute or "/" in address.spec:
        raise ConfigError(f"{_named(address)} is not of the form module:attribute; write it like main:app")
    if str(address.folder) not in sys.path:
        sys.path.insert(0, str(address.folder))
    found: object = _import_module(module_name, address)
    for name in attribute.split("."):
        found = _attribute(found, name, address)
    if not isinstance(found, App):
        raise ConfigError(f"{_named(address)} is a {type(found).__name__}, not a workmill.App{_apps_of(module_name)}")
    return found


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


def _import_module(name: str, address: AppAddress) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(f"{_named(address)}: there is no module {error.name!r} in {address.folder}") from None
        raise ConfigError(_failed(address, error)) from error
    except Exception as error:  # whatever the module of a user raises while it is imported
        raise ConfigError(_failed(address, error)) from error


def _failed(address: AppAddress, error: Exception) -> str:
    """Say what importing raised, with the frames of the user's own code and not those of the import system."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and frame.filename not in (__file__, importlib.__file__)
    ]
    shown = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
    return f"{_named(address)} cannot be imported:\n{shown.rstrip()}"


def _attribute(holder: object, name: str, address: AppAddress) -> object:
    try:
        return getattr(holder, name)
    except AttributeError:
        close = difflib.get_close_matches(name, [each for each in dir(holder) if not each.startswith("_")], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(f"{_named(address)}: it has no attribute {name!r}{hint}") from None


def _apps_of(module_name: str) -> str:
    names = sorted(name for name, each in vars(sys.modules[module_name]).items() if isinstance(each, App))
    return f"; that module has {', '.join(f'{module_name}:{name}' for name in names)}" if names else ""


def _named(address: AppAddress) -> str:
    return f"application {address.spec!r} (from {address.origin})"
