"""What is said where an integration's library is not installed."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "package"),
    [("flask", "a2wsgi"), ("fastapi", "fastapi"), ("django", "django"), ("sqlalchemy", "sqlalchemy")],
)
def test_a_library_that_is_missing_is_named_with_its_extra(extra: str, package: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None; import workmill.contrib.{extra}"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert f"needs {package}, which is not installed: pip install 'workmill[{extra}]'" in done.stderr


@pytest.mark.slow
def test_workmill_itself_needs_none_of_them() -> None:
    script = (
        "import sys, workmill, workmill.serving; print({'flask', 'django', 'fastapi', 'sqlalchemy'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "set()"
