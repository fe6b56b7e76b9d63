"""The chess example's engines: real Stockfish for what it finds, a scripted one for how engines fail."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chess
import pytest

from examples.chess.engine import EngineFailed, Limits
from examples.chess.engines import Engines, Stopped
from examples.chess.lines import Best, Line
from examples.chess.stockfish import ROOT, find_stockfish
from tests.acceptance.processes import await_end, children, descendants

REFERENCE = "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"
SCRIPT = Path(__file__).with_name("scripted_engine.py")
DEADLINE = 20.0


@pytest.fixture
def stockfish() -> Iterator[Engines]:
    engines = Engines(find_stockfish)
    yield engines
    engines.close()


@pytest.fixture
def scripted() -> Iterator[Callable[[str], Engines]]:
    made: list[Engines] = []

    def make(part: str) -> Engines:
        made.append(Engines(lambda: [sys.executable, str(SCRIPT), part]))
        return made[-1]

    yield make
    for engines in made:
        engines.close()


def limits(*, lines: int = 1, seconds: float = 5.0, depth: int = 8) -> Limits:
    return Limits(lines=lines, seconds=seconds, depth=depth)


@pytest.mark.slow
def test_reference_position_is_mate_in_two_for_black(stockfish: Engines) -> None:
    lines = stockfish.analyse(chess.Board(REFERENCE), limits(depth=20))

    assert lines == [Line(centipawn_score=None, mate_score=-2, pv=["c2c1", "e5e1", "c1e1"])]


@pytest.mark.slow
@pytest.mark.parametrize("fen", ["k7/8/8/8/8/8/8/KQ6 {} - - 0 1", "kq6/8/8/8/8/8/8/K7 {} - - 0 1"])
@pytest.mark.parametrize("turn", ["w", "b"])
def test_whoever_moves_the_score_is_whites(stockfish: Engines, fen: str, turn: str) -> None:
    white_has_the_queen = "Q" in fen

    [line] = stockfish.analyse(chess.Board(fen.format(turn)), limits(depth=4))

    score = line.mate_score if line.mate_score is not None else line.centipawn_score
    assert score is not None
    assert (score > 0) == white_has_the_queen


@pytest.mark.slow
def test_as_many_lines_as_asked_for_come_best_first_each_with_another_first_move(stockfish: Engines) -> None:
    lines = stockfish.analyse(chess.Board(), limits(lines=4))

    scores = [line.centipawn_score or 0 for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert len({line.pv[0] for line in lines}) == 4


@pytest.mark.slow
def test_position_with_fewer_moves_has_fewer_lines(stockfish: Engines) -> None:
    lines = stockfish.analyse(chess.Board("7k/8/8/8/8/8/1r6/K7 w - - 0 1"), limits(lines=5))

    assert [line.pv[0] for line in lines] == ["a1b2"]


@pytest.mark.parametrize("fen", ["R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1", "k7/8/1Q6/8/8/8/8/7K b - - 0 1"])
def test_game_that_is_over_has_no_lines_and_needs_no_engine(fen: str, scripted: Callable[[str], Engines]) -> None:
    assert scripted("dies").analyse(chess.Board(fen), limits()) == []


@pytest.mark.slow
def test_engine_is_kept_for_the_next_search(stockfish: Engines) -> None:
    before = children()
    stockfish.analyse(chess.Board(), limits())
    first = children() - before

    stockfish.analyse(chess.Board(REFERENCE), limits())

    assert len(first) == 1
    assert children() - before == first


@pytest.mark.slow
def test_searches_side_by_side_never_share_an_engine(stockfish: Engines) -> None:
    before = children()
    both_search = threading.Barrier(2, timeout=DEADLINE)
    boards = [chess.Board(), chess.Board("4k3/8/8/8/8/8/4P3/4K3 w - - 0 1")]

    def analyse(board: chess.Board) -> list[Line]:
        told = itertools.count()

        def meet_the_other(_: Best) -> None:
            if next(told) == 0:
                both_search.wait()

        return stockfish.analyse(board, limits(seconds=1.0, depth=40), report=meet_the_other)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(analyse, boards))

    assert len(children() - before) == 2
    for board, [line] in zip(boards, results, strict=True):
        assert chess.Move.from_uci(line.pv[0]) in board.legal_moves


@pytest.mark.slow
def test_progress_is_told_while_the_search_runs(stockfish: Engines) -> None:
    told: list[Best] = []

    lines = stockfish.analyse(chess.Board(), limits(depth=10), report=told.append)

    assert [best.depth for best in told] == sorted(best.depth for best in told)
    assert told[-1].depth == 10
    assert told[-1].line == lines[0]


@pytest.mark.slow
def test_search_stops_on_request_and_its_engine_ends(stockfish: Engines) -> None:
    before = children()
    begun = threading.Event()
    started_at = time.monotonic()

    with pytest.raises(Stopped):
        stockfish.analyse(
            chess.Board(), limits(seconds=60, depth=60), report=lambda _: begun.set(), is_stopped=begun.is_set
        )

    assert time.monotonic() - started_at < DEADLINE
    assert not await_end(children() - before, DEADLINE)


@pytest.mark.slow
def test_killed_engine_fails_its_search_with_a_reason_and_the_next_search_gets_another(stockfish: Engines) -> None:
    before = children()

    def kill(_: Best) -> None:
        for pid in children() - before:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineFailed, match="died unexpectedly"):
        stockfish.analyse(chess.Board(), limits(seconds=60, depth=60), report=kill)
    lines = stockfish.analyse(chess.Board(REFERENCE), limits())

    assert lines[0].mate_score == -2


@pytest.mark.slow
def test_engine_that_died_on_the_shelf_is_replaced(stockfish: Engines) -> None:
    before = children()
    stockfish.analyse(chess.Board(), limits())
    [idle] = children() - before
    os.kill(idle, signal.SIGKILL)
    assert not await_end({idle}, DEADLINE)

    lines = stockfish.analyse(chess.Board(REFERENCE), limits())

    assert lines[0].mate_score == -2


@pytest.mark.slow
def test_hung_engine_is_killed_a_little_after_its_time(
    scripted: Callable[[str], Engines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.chess.engine.GRACE_SECONDS", 0.1)
    before = children()

    with pytest.raises(EngineFailed, match="hung and was killed"):
        scripted("hangs").analyse(chess.Board(), limits(seconds=0.1))

    assert not await_end(children() - before, DEADLINE)


@pytest.mark.slow
def test_engine_that_dies_at_once_says_with_what_status(scripted: Callable[[str], Engines]) -> None:
    with pytest.raises(EngineFailed, match="exit code: 7"):
        scripted("dies").analyse(chess.Board(), limits())


@pytest.mark.slow
def test_engine_that_never_gets_ready_is_given_up(
    scripted: Callable[[str], Engines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.chess.engine.READY_SECONDS", 0.2)

    with pytest.raises(EngineFailed, match=r"could not be started: nothing heard for 0\.2 s"):
        scripted("mute").analyse(chess.Board(), limits())


def test_program_that_cannot_be_started_is_named() -> None:
    with pytest.raises(EngineFailed, match="'/no/such/engine' could not be started"):
        Engines(lambda: ["/no/such/engine"]).analyse(chess.Board(), limits())


@pytest.mark.slow
def test_search_without_a_line_is_an_error_and_no_empty_result(scripted: Callable[[str], Engines]) -> None:
    with pytest.raises(EngineFailed, match="without a line"):
        scripted("says nothing").analyse(chess.Board(), limits())


@pytest.mark.slow
def test_lines_of_a_search_cut_off_are_those_of_the_last_whole_set(scripted: Callable[[str], Engines]) -> None:
    told: list[Best] = []

    lines = scripted("is cut off").analyse(chess.Board(), limits(lines=2), report=told.append)

    assert [line.pv for line in lines] == [["e2e4", "e7e5"], ["d2d4", "d7d5"]]
    assert [best.line.centipawn_score for best in told] == [20, 30]


@pytest.mark.slow
def test_engine_ends_with_its_process_even_when_that_is_killed_in_the_middle() -> None:
    program = (
        "import chess\n"
        "from examples.chess.engine import Limits\n"
        "from examples.chess.engines import Engines\n"
        "from examples.chess.stockfish import find_stockfish\n"
        "Engines(find_stockfish).analyse(\n"
        "    chess.Board(), Limits(lines=1, seconds=60, depth=60), report=lambda best: print(best.depth, flush=True))\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        engines = descendants(owner.pid)

        owner.kill()

    assert engines
    assert not await_end(engines, DEADLINE)
