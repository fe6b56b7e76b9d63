import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from workmill.running.options import SupervisorOptions, WorkerOptions
from workmill.words.errors import ConfigError, InvalidOption


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"name": "a b"}, "name"),
        ({"queues": ()}, "queues"),
        ({"queues": ("mail", "")}, "queues"),
        ({"concurrency": 0}, "concurrency"),
        ({"lease": timedelta(seconds=0.9)}, "lease"),
        ({"lease": timedelta(days=2)}, "lease"),
    ],
)
def test_a_worker_option_out_of_range_is_refused_by_name(wrong: Mapping[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        WorkerOptions(**wrong)

    assert refused.value.option == option


@pytest.mark.parametrize(
    ("wrong", "option"),
    [({"engines": 0}, "engines"), ({"solos": 0}, "solos"), ({"grace": timedelta(seconds=-1)}, "grace")],
)
def test_a_supervisor_option_out_of_range_is_refused_by_name(wrong: Mapping[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        SupervisorOptions(target="main:app", **wrong)

    assert refused.value.option == option


def test_a_health_address_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="health='nowhere'"):
        SupervisorOptions(target="main:app", health="nowhere")


def test_a_worker_is_named_after_its_process_unless_it_has_a_name() -> None:
    assert WorkerOptions().new_worker("w1", ("add",)).name.endswith(f":{os.getpid()}")
    assert WorkerOptions(name="mill-1").new_worker("w1", ("add",)).name == "mill-1"


def test_a_worker_takes_as_many_jobs_as_all_its_engines() -> None:
    worker = WorkerOptions(concurrency=4).new_worker("w1", ("add",), engines=3, solos=2)

    assert (worker.id, worker.tasks, worker.concurrency) == ("w1", ("add",), 14)


def test_there_is_a_solo_process_for_each_core_unless_told() -> None:
    assert SupervisorOptions(target="main:app").solo_processes >= 1
    assert SupervisorOptions(target="main:app", solos=5).solo_processes == 5
