import os
import subprocess
import sys
from pathlib import Path

import pytest

from workmill import App, ConfigError
from workmill.running.solo import memory
from workmill.running.solo.memory import KernelKills, can_measure_memory, memory_of
from workmill.running.solo.performing import check_memory_limits

HOLDS = (
    "import sys; hoard = bytearray(60_000_000); hoard[::4096] = b'x' * len(hoard[::4096]); print(); sys.stdin.read()"
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


@on_linux
def test_memory_of_a_process_is_counted_with_that_of_what_it_started() -> None:
    before = memory_of(os.getpid())

    with subprocess.Popen([sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alone, together = memory_of(child.pid), memory_of(os.getpid())
        child.communicate(b"")

    assert 60_000_000 < alone < 120_000_000
    assert together > 60_000_000
    assert together > before / 2  # Shares of pages, where there are several.


@on_linux
def test_a_process_that_is_gone_takes_no_memory() -> None:
    child = subprocess.Popen(["true"])
    child.wait()

    assert memory_of(child.pid) == 0


def test_kernel_kills_are_those_since_the_last_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("1:cpu:/\n0::/mill\n")
    (tmp_path / "proc" / "vmstat").write_text("pgfault 5\noom_kill 90\n")
    (tmp_path / "cgroup" / "mill").mkdir(parents=True)
    events = tmp_path / "cgroup" / "mill" / "memory.events"
    events.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    kills = KernelKills()

    assert not kills.have_risen()
    events.write_text("low 0\noom 4\noom_kill 3\noom_group_kill 0\n")
    assert kills.have_risen()
    assert not kills.have_risen()


@pytest.mark.parametrize(
    ("cgroup", "file"),
    [("5:memory:/mill\n", "cgroup/memory/mill/memory.oom_control"), ("", "proc/vmstat")],
)
def test_kernel_kills_are_found_where_the_system_tells_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cgroup: str, file: str
) -> None:
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(cgroup)
    kills = KernelKills()

    assert not kills.have_risen()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("oom_kill_disable 0\noom_kill 1\n")

    assert kills.have_risen()


def test_a_memory_limit_is_refused_where_nobody_could_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App("memory://")
    app.task(name="free", process=True)(_nothing)
    monkeypatch.setattr(memory, "PROC", tmp_path)
    assert not can_measure_memory()

    check_memory_limits(app.program)
    app.task(name="bounded", process=True, memory="1GB")(_nothing)

    with pytest.raises(ConfigError, match=r"no /proc, so memory= on bounded cannot be held"):
        check_memory_limits(app.program)


def _nothing() -> None: ...
