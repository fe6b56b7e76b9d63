"""The solo process: runs one job at a time, in its main thread. Started by an engine only."""

import argparse
import asyncio
import io
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import assert_never

from workmill.craft.closing import Closing
from workmill.craft.executor import Executor
from workmill.craft.log_format import configure_logs
from workmill.craft.program import Program
from workmill.craft.run import Run
from workmill.running.parent_death import end_soon_after_parent
from workmill.running.protocol import REFUSED
from workmill.running.solo.line import Line
from workmill.running.solo.store_thread import StoreThread
from workmill.running.solo.turns import Turns
from workmill.running.solo.words import Ask, Ended, Finishing, Leave, Message, Perform, Ready, Told
from workmill.running.stack import write_no_stack, write_stack_before_exit, write_stack_on_signal
from workmill.running.target import load_program
from workmill.words.errors import ConfigError
from workmill.words.job import Progress
from workmill.words.transition import decide


class SoloChild:
    """Runs what its engine sends, one job after another."""

    def __init__(self, line: socket.socket) -> None:
        self._line = Line(line, self._hear)
        self._turns = Turns()
        self._owner = os.getpid()
        self._program: Program | None = None
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begin to hear the engine, and see to it that a forked copy of this process never speaks to it."""
        self._line.start()
        os.register_at_fork(after_in_child=self._become_copy)

    def work(self, program: Program) -> None:
        """Say that all is ready, and run jobs until told to leave."""
        self._program = program
        self._executor = Executor(program.tasks, program.middleware, self._turns, holds_limits=False)
        self._closing = self._closing_of(program)
        with asyncio.Runner(loop_factory=lambda: self._turns.loop) as runner:
            runner.get_loop()
            self._line.say(Ready())
            self._turns.run()
        if self._task is not None:
            self._task.result()

    def _closing_of(self, program: Program) -> Closing:
        store = program.open_store()
        thread = StoreThread(store)
        return Closing(
            program.tasks,
            store,
            decide,
            program.emit,
            make_ready=thread.open,
            tell=lambda transition: self._line.say(Finishing(transition=transition)),
        )

    def _hear(self, message: Message) -> None:
        # In the line's thread: the main one may be busy with the job.
        match message:
            case Perform():
                self._run = Run(message.job, self._tell, self._closing)
                self._turns.loop.call_soon_threadsafe(self._begin, self._run)
            case Ask():
                self._ask(message)
            case Leave():
                self._turns.loop.call_soon_threadsafe(self._turns.end)
            case Ready() | Told() | Finishing() | Ended():
                return
            case _:
                assert_never(message)

    def _ask(self, message: Ask) -> None:
        if self._run is not None:
            self._run.ask(message.reason, gives_back=message.gives_back)
            self._turns.loop.call_soon_threadsafe(self._interrupt, self._run)

    def _begin(self, run: Run) -> None:
        self._task = self._turns.loop.create_task(self._perform(run))
        self._task.add_done_callback(self._note_end)

    async def _perform(self, run: Run) -> None:
        outcome = await self._executor.execute(run)
        self._line.end(outcome, has_finished=run.is_finished)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._turns.end()  # It is we who failed: no job's code raises here.

    def _interrupt(self, run: Run) -> None:
        known = None if self._program is None else self._program.tasks.get(run.job.task)
        if run.has_begun and self._task is not None and known is not None and known.is_async:
            self._task.cancel()

    def _tell(self, _run: Run, progress: Progress) -> None:
        self._line.tell(progress)

    def _become_copy(self) -> None:
        self._line.abandon()
        self._turns.abandon()
        write_no_stack()


def main(arguments: list[str]) -> int:
    """Be a solo process; the exit code is 0 when it was told to leave."""
    options = _read(arguments)
    # A terminal's. Not SIG_IGN: that would be inherited by the programs that tasks start.
    signal.signal(signal.SIGINT, _do_nothing)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # What a job has printed is there when it is killed.
    if options.log_level:
        configure_logs(options.log_level, options.log_format or "auto")
    line = socket.socket(fileno=options.line)
    for descriptor in (line.fileno(), options.stack):
        os.set_inheritable(descriptor, False)
    write_stack_on_signal(options.stack)
    write_stack_before_exit(options.stack)
    end_soon_after_parent(options.parent)
    child = SoloChild(line)
    child.listen()
    try:
        program = load_program(options.target, Path(options.folder))
        program.check_signatures()
    except ConfigError as error:
        sys.stderr.write(f"workmill: {error}\n")
        return REFUSED
    return _work(child, program)


def _work(child: SoloChild, program: Program) -> int:
    owner = os.getpid()
    try:
        child.work(program)
    finally:
        if os.getpid() != owner:
            os._exit(1)  # A forked copy that went on into a loop which is not its own.
    return 0


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="workmill.running.solo", description="Started by an engine only.")
    parser.add_argument("target")
    parser.add_argument("--line", type=int, required=True)
    parser.add_argument("--stack", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--log-level")
    parser.add_argument("--log-format")
    return parser.parse_args(arguments)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    return
