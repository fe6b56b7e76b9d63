"""The one step of a build that pyproject.toml cannot say: a wheel gets the browser files that the dashboard needs."""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

PACKAGE = "django-htmx"
FILES = ("htmx-4.min.js", "ext/hx-sse-4.min.js")


class BuildWithAssets(build_py):
    """Copies htmx out of the package that brings it; an editable install takes it from there while it runs."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            copy_assets(Path(self.build_lib, "workmill", "dashboard", "static", "vendor"))


def copy_assets(folder: Path) -> None:
    """Put the files and their licence into a folder.

    Raises:
        SetupError: The package that brings them is not installed.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        said = (
            f"a wheel needs the browser files of {PACKAGE}, which is not installed here: build with isolation, "
            "or install what requirements/assets.lock names, with --no-deps"
        )
        raise SetupError(said) from None
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(str(package.locate_file(f"django_htmx/static/django_htmx/{name}")), folder / Path(name).name)
    licence = next(path for path in package.files or [] if path.name == "LICENSE")
    shutil.copyfile(str(package.locate_file(licence)), folder / "LICENSE")


setup(cmdclass={"build_py": BuildWithAssets})
