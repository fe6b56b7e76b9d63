"""What `import workmill` costs: every command line and every web process pays it."""

import resource
import subprocess
import sys

import pytest

import workmill

LATER = ["apsw", "cyclopts", "jinja2", "multiprocessing", "pydantic", "pydantic_core", "rich", "starlette", "uvicorn"]
ROUNDS = 5


def python(code: str) -> str:
    """Run a program of one line and return what it said."""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert ended.stderr == ""
    return ended.stdout


def seconds(code: str) -> float:
    """Return the processor's time that a program takes: the clock's says as much of the machine's other work."""
    began = children_seconds()
    python(code)
    return children_seconds() - began


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_what_is_heavy_is_loaded_only_when_it_is_used() -> None:
    loaded = python("import sys, workmill; app = workmill.App(); app.task(name='x')(lambda a: a); print(*sys.modules)")

    assert [name for name in LATER if name in loaded.split()] == []


@pytest.mark.slow
def test_the_package_does_not_load_what_its_tests_need() -> None:
    loaded = python("import sys, workmill; print(*sys.modules)").split()

    assert [
        name for name in loaded if name.startswith("workmill.") and name.split(".")[1] in {"http", "cli", "testing"}
    ] == []


@pytest.mark.slow
def test_a_program_that_only_enqueues_loads_nothing_of_what_works() -> None:
    enqueueing = "app = workmill.App('memory://'); app.task(name='x')(lambda: None).enqueue(); app.close()"
    loaded = python(f"import sys, workmill; {enqueueing}; print(*sys.modules)").split()

    assert [name for name in loaded if name.startswith("workmill.running")] == []


@pytest.mark.slow
def test_names_that_are_loaded_late_are_seen_by_all_that_ask_for_names() -> None:
    shown = python("import workmill; print(*dir(workmill))").split()
    starred = python("from workmill import *; print(*dir())").split()

    assert set(workmill.__all__) <= set(shown)
    assert set(workmill.__all__) <= set(starred)


def test_a_name_that_there_is_not_is_refused_as_ever() -> None:
    name = "Nonesuch"

    with pytest.raises(AttributeError, match="module 'workmill' has no attribute 'Nonesuch'"):
        getattr(workmill, name)


@pytest.mark.slow
@pytest.mark.alone
def test_importing_it_costs_little_more_than_asyncio_and_pydantic(tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.mktemp("bytecode")  # so that both are measured compiled
    prelude = f"import sys; sys.dont_write_bytecode = False; sys.pycache_prefix = {str(cache)!r}; "
    ours, theirs = prelude + "import workmill", prelude + "import asyncio, pydantic"
    python(ours), python(theirs)

    times = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]

    assert min(time for time, _ in times) < 1.4 * min(time for _, time in times)
