"""Applications in forked processes: each has a store of its own, and none disturbs the one it came from."""

import subprocess
import sys
import textwrap

import pytest

LONGEST_SECONDS = 30.0
PROGRAM = """
    import os, sys, threading
    from workmill import App

    app = App(sys.argv[1])

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    def in_child(work):
        pid = os.fork()
        if pid == 0:
            try:
                work()
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def count():
        return sum(each.jobs for each in app.counts())
"""


def run(url: str, script: str) -> str:
    """Run a program of its own and return what it said."""
    program = textwrap.dedent(PROGRAM) + textwrap.dedent(script)
    words = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, url]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    assert ended.stderr == ""
    assert ended.returncode == 0
    return ended.stdout


@pytest.fixture
def url(shared_url: str) -> str:
    return shared_url


@pytest.mark.slow
def test_parent_and_child_both_go_on(url: str) -> None:
    said = run(
        url,
        """
        add.enqueue(1, 2)
        code = in_child(lambda: (add.enqueue(3, 4), app.close()))
        add.enqueue(5, 6)
        print(code, count())
        app.close()
        """,
    )

    assert said == "0 3\n"


@pytest.mark.slow
def test_a_child_whose_parent_waits_for_a_job_disturbs_it_not(url: str) -> None:
    said = run(
        url,
        """
        job = add.enqueue(1, 2)
        results = []
        waiter = threading.Thread(target=lambda: results.append(job.result(20)))
        waiter.start()
        code = in_child(lambda: print("ran", app.drain(), flush=True))
        waiter.join()
        print(code, results, count())
        """,
    )

    assert said == "ran 1\n0 [3] 1\n"


@pytest.mark.slow
def test_children_of_children_have_their_own_too(url: str) -> None:
    said = run(
        url,
        """
        def child():
            add.enqueue(1, 1)
            assert in_child(lambda: add.enqueue(2, 2)) == 0
            add.enqueue(3, 3)

        add.enqueue(0, 0)
        print(in_child(child), count())
        """,
    )

    assert said == "0 4\n"


@pytest.mark.slow
def test_a_child_forked_while_the_store_was_being_opened_can_open_its_own(url: str) -> None:
    said = run(
        url,
        """
        app._portal._lock.acquire()  # as another thread would hold it at that moment
        code = in_child(lambda: add.enqueue(1, 1))
        app._portal._lock.release()
        print(code, count())
        """,
    )

    assert said == "0 1\n"


@pytest.mark.slow
def test_a_child_that_uses_nothing_ends_like_any_other(url: str) -> None:
    said = run(
        url,
        """
        add.enqueue(1, 2)
        if os.fork() == 0:
            sys.exit(0)  # with all that runs at the end of a program
        os.wait()
        print(count())
        """,
    )

    assert said == "1\n"
