"""The engine child: the process in which tasks run, or whose children run them. Started by a supervisor only.

It loads the target, says hello, waits for its worker's lease, and runs one engine until it is told to end. What is said
when is drawn in `protocol`.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio import AbstractEventLoop
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import assert_never

from workmill.craft.log_format import configure_logs
from workmill.craft.program import Program
from workmill.running.command import Target
from workmill.running.culprits import codes_of
from workmill.running.declaring import declare
from workmill.running.engine import Engine
from workmill.running.forked import end_copies
from workmill.running.lifeline import Lifeline, kill_group
from workmill.running.parent_death import end_soon_after_parent
from workmill.running.patience import until_done
from workmill.running.performing import OwnProcess, Performer
from workmill.running.protocol import (
    REFUSED,
    Bye,
    Drain,
    Draining,
    Go,
    Hello,
    Message,
    Ping,
    Pong,
    Prolong,
    Quiet,
    Recall,
    Solos,
    Stop,
)
from workmill.running.pulse import Attendance, Pulse
from workmill.running.race import race
from workmill.running.solo.performing import SoloProcesses, check_memory_limits
from workmill.running.stack import write_no_stack, write_stack_before_exit, write_stack_on_signal
from workmill.running.target import load_program
from workmill.running.wear import Limits
from workmill.store import Store
from workmill.words.emit import Emit
from workmill.words.errors import ConfigError
from workmill.words.events import Event


class EngineChild:
    """One engine under a supervisor's orders, from hello to bye.

    Args:
        target: What it has loaded, for its solo processes.
        solos: How many of these it may have, to run the tasks that need them; without any it runs the others.
    """

    def __init__(self, line: socket.socket, loop: AbstractEventLoop, target: Target, *, solos: int) -> None:
        self._pulse = Pulse(loop)
        self.lifeline = Lifeline(line, loop, self._hear, pulse=self._pulse.take, kill=self._kill)
        self.is_stopped = False
        """Whether it was told to stop, so that code of its tasks may still run in threads."""
        self._target = target
        self._solos = solos
        self._groups: Sequence[int] = ()
        self._go: Go | None = None
        self._is_quiet = False
        self._is_ordered = asyncio.Event()
        self._is_ended = asyncio.Event()
        self._engine: Engine | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    async def run(self, program: Program) -> None:
        """Say hello, wait for the lease, work until told to end, and say bye."""
        tasks, process_tasks = tuple(sorted(program.tasks)), program.process_tasks
        codes = codes_of(program.tasks)
        self.lifeline.say(Hello(url=program.url, tasks=tasks, process_tasks=process_tasks, codes=codes))
        store = program.open_store()
        try:
            await race(until_done("open", store.open, emit=self._emit_once_gone(program)), self._is_ended.wait())
            await self._is_ordered.wait()
            await race(self._declare(program, store), self._is_ended.wait())
            returned = await self._work(program, store)
            await asyncio.gather(*self._stopping)
        finally:
            await store.close()
        self.lifeline.say(Bye(returned=returned))

    async def _declare(self, program: Program, store: Store) -> None:
        if self._go is not None and not self._is_ended.is_set():
            part = program.part(process=self._solos > 0)
            await until_done("declare rules", partial(declare, part, store), emit=program.emit)

    def _emit_once_gone(self, program: Program) -> Emit:
        """Say nothing of the store before the go: until then the supervisor opens it, too, and says why it cannot."""

        def emit(event: Event) -> None:
            if self._go is not None:
                program.emit(event)

        return emit

    async def _work(self, program: Program, store: Store) -> int:
        go = self._go
        if go is None or self._is_ended.is_set():
            return 0
        part = self._watched(program.part(process=self._solos > 0))
        performer = self._performer(part, go)
        self._engine = Engine(
            program=part,
            store=store,
            worker_id=go.worker_id,
            number=go.engine,
            queues=go.queues,
            concurrency=go.concurrency,
            performer=performer,
        )
        self._engine.quiet(is_on=self._is_quiet)
        if not self._solos:  # Else each job is ended where it runs.
            self._pulse.watch(self._engine.runs, Attendance(go.overstay_seconds))
        await self._engine.run()
        await performer.gone()
        return self._engine.given_back

    def _watched(self, program: Program) -> Program:
        def emit(event: Event) -> None:
            self._pulse.note(event)
            program.emit(event)

        return replace(program, emit=emit)

    def _performer(self, program: Program, go: Go) -> Performer:
        if not self._solos:
            return OwnProcess(program, go.concurrency)
        limits = Limits(jobs=go.max_jobs, memory=go.max_memory)
        solos = SoloProcesses(program, self._target, self._solos, limits=limits, tell=self._note_solos)
        solos.warm_up()
        return solos

    def _note_solos(self, pids: Sequence[int]) -> None:
        self._groups = pids
        self.lifeline.say(Solos(pids=tuple(pids)))

    def _kill(self) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        kill_group()

    def abandon(self) -> None:
        """In a forked copy of this process: leave to the original what is its own."""
        self.lifeline.abandon()
        write_no_stack()

    def _hear(self, message: Message) -> None:
        match message:
            case Go():
                self._go = message
                self._is_quiet = message.is_quiet
            case Quiet():
                self._is_quiet = message.is_on
                if self._engine is not None:
                    self._engine.quiet(is_on=message.is_on)
                return
            case Drain():
                self._is_ended.set()
                if self._engine is not None:
                    self._engine.drain()
                self.lifeline.say(Draining())
            case Stop():
                self._is_ended.set()
                self._stop(message.grace_seconds)
            case Recall():
                self._is_ended.set()
                self._recall()
            case Hello() | Draining() | Prolong() | Ping() | Pong() | Solos() | Bye():
                return
            case _:
                assert_never(message)
        self._is_ordered.set()

    def _recall(self) -> None:
        self.is_stopped = True
        if self._engine is not None:
            self._engine.recall()

    def _stop(self, grace_seconds: float) -> None:
        self.is_stopped = True
        if self._engine is not None:
            self._stopping.add(asyncio.create_task(self._engine.stop(grace=grace_seconds)))


def main(arguments: list[str]) -> int:
    """Be an engine child; the exit code is 0 after a bye."""
    options = _read(arguments)
    os.set_inheritable(options.stack, False)
    write_stack_on_signal(options.stack, all_threads=True)
    write_stack_before_exit(options.stack)
    _leave_signals_to_the_supervisor()
    if options.log_level:
        configure_logs(options.log_level, options.log_format or "auto")
    with asyncio.Runner() as runner:
        line = socket.socket(fileno=options.line)
        line.set_inheritable(False)
        target = Target(
            name=options.target,
            folder=Path(options.folder),
            log_level=options.log_level,
            log_format=options.log_format,
        )
        child = EngineChild(line, runner.get_loop(), target, solos=options.solos)
        end_copies(runner.get_loop(), child.abandon)
        end_soon_after_parent(options.parent)
        child.lifeline.start()
        try:
            program = load_program(options.target, Path(options.folder))
            program.check_signatures()
            if options.solos:
                check_memory_limits(program)
        except ConfigError as error:
            sys.stderr.write(f"workmill: {error}\n")
            return REFUSED
        runner.run(child.run(program))
        if child.is_stopped:
            _end_now()
    return 0


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="workmill.running.child", description="Started by a supervisor only.")
    parser.add_argument("target")
    parser.add_argument("--line", type=int, required=True)
    parser.add_argument("--stack", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--solos", type=int, default=0)
    parser.add_argument("--log-level")
    parser.add_argument("--log-format")
    return parser.parse_args(arguments)


def _leave_signals_to_the_supervisor() -> None:
    # Ctrl-C and a service manager's TERM reach every process of the tree, but the supervisor's word counts. Not
    # SIG_IGN: that would be inherited by the programs that tasks start, which then could not be ended by a signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _do_nothing)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    return


def _end_now() -> None:
    """End without waiting for threads that did not heed the stop: their jobs were given back."""
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
