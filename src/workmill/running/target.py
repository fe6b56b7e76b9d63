"""Importing the application that is named `module:attribute`, and saying exactly what is wrong where that fails."""

import difflib
import importlib
import inspect
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from workmill.craft.program import Program
from workmill.words.errors import ConfigError, WorkmillError

PACKAGE = Path(__file__).resolve().parents[1]


def load_program(target: str, folder: Path) -> Program:
    """Import the application and return its program.

    Raises:
        ConfigError: It cannot be imported, or is no application.
    """
    program = getattr(load_target(target, folder), "program", None)
    assert isinstance(program, Program)  # noqa: S101 - no other target is loaded; for the type checker
    return program


def load_target(target: str, folder: Path | None = None, *, origin: str = "") -> object:
    """Import the application that is named: a thing that has a program.

    Args:
        target: `module:attribute`.
        folder: Comes first on the import path from now on; None leaves that path alone.
        origin: Who named it, as errors are to say.

    Raises:
        ConfigError: It cannot be imported, or is no application. What its module raised is shown with its own frames.
    """
    address = _Address(target, folder, origin)
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute or "/" in target:
        raise ConfigError(f"{address} is not of the form module:attribute; write it like main:app")
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = _import(module_name, address)
    found: object = module
    for name in attribute.split("."):
        found = _attribute(found, name, address)
    if not _is_application(found):
        raise ConfigError(f"{address} is a {type(found).__name__}, not a workmill.App{_applications_of(module)}")
    return found


@dataclass(frozen=True, slots=True)
class _Address:
    target: str
    folder: Path | None
    origin: str

    def __str__(self) -> str:
        return f"application {self.target!r}" + (f" (from {self.origin})" if self.origin else "")


def _is_application(found: object) -> bool:
    # Its type is asked first: a stranger's object, such as a proxy of a request, may raise anything when asked.
    kind = inspect.getattr_static(type(found), "program", None)
    return isinstance(kind, property) and isinstance(getattr(found, "program", None), Program)


def _import(name: str, address: _Address) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            where = "on the import path" if address.folder is None else f"in {address.folder}"
            raise ConfigError(f"{address}: there is no module {error.name!r} {where}") from None
        _refuse(address, error)
    except Exception as error:  # noqa: BLE001 - whatever the module of a user raises while it is imported
        _refuse(address, error)


def _refuse(address: _Address, error: Exception) -> NoReturn:
    """Say what importing raised, with the frames of the user's own code and neither the import system's nor ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame, error)]
    shown = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
    raise ConfigError(f"{address} cannot be imported:\n{shown.rstrip()}") from error


def _is_machinery(frame: traceback.FrameSummary, error: Exception) -> bool:
    if frame.filename.startswith("<") or frame.filename in (__file__, importlib.__file__):
        return True
    return isinstance(error, WorkmillError) and PACKAGE in Path(frame.filename).parents


def _attribute(holder: object, name: str, address: _Address) -> object:
    try:
        return getattr(holder, name)
    except AttributeError:
        close = difflib.get_close_matches(name, [each for each in dir(holder) if not each.startswith("_")], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(f"{address}: it has no attribute {name!r}{hint}") from None


def _applications_of(module: ModuleType) -> str:
    names = sorted(name for name, each in vars(module).items() if _is_application(each))
    return f"; that module has {', '.join(f'{module.__name__}:{name}' for name in names)}" if names else ""
