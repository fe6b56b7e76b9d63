"""Finding the application that an engine serves: `module:attribute`, imported from a folder."""

import importlib
import sys
import traceback
from pathlib import Path

from workmill.craft.program import Program
from workmill.words.errors import ConfigError


def load_program(target: str, folder: Path) -> Program:
    """Import the application and return its program; the folder comes first on the import path from now on.

    Raises:
        ConfigError: It cannot be imported, or is no application. What its module raised is shown with its own frames.
    """
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise ConfigError(f"application {target!r} is not of the form module:attribute; write it like main:app")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    found = _import(module, target, folder)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ConfigError(f"application {target!r}: there is no {name!r} in it")
        found = getattr(found, name)
    program = getattr(found, "program", None)
    if not isinstance(program, Program):
        raise ConfigError(f"application {target!r} is a {type(found).__name__}, not a workmill.App")
    return program


def _import(module: str, target: str, folder: Path) -> object:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise ConfigError(f"application {target!r}: there is no module {error.name!r} in {folder}") from None
        raise ConfigError(_failed(target, error)) from error
    except Exception as error:  # whatever the module of a user raises while it is imported
        raise ConfigError(_failed(target, error)) from error


def _failed(target: str, error: Exception) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and frame.filename not in (__file__, importlib.__file__)
    ]
    shown = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
    return f"application {target!r} cannot be imported:\n{shown.rstrip()}"
