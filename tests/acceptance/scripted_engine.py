"""A UCI engine that does what its first argument says, for what a real one does too seldom."""

import os
import sys
import time


def main(part: str) -> None:
    for line in sys.stdin:
        command = line.split()[0] if line.strip() else ""
        if command == "uci":
            if part == "mute":
                continue
            say("id name scripted", "option name MultiPV type spin default 1 min 1 max 9", "uciok")
        elif command == "isready":
            say("readyok")
        elif command == "go":
            go(part)
        elif command == "quit":
            return


def go(part: str) -> None:
    match part:
        case "dies":
            os._exit(7)
        case "hangs":
            say("info depth 1 multipv 1 score cp 20 nodes 5 pv e2e4")
            time.sleep(60)
        case "says nothing":
            say("bestmove e2e4")
        case "is cut off":
            say(
                "info depth 1 multipv 1 score cp 20 nodes 5 pv e2e4 e7e5",
                "info depth 1 multipv 2 score cp 10 nodes 9 pv d2d4 d7d5",
                "info depth 2 multipv 1 score cp 99 upperbound nodes 14 pv g1f3",
                "info depth 2 currmove d2d4 currmovenumber 2",
                "info depth 2 multipv 1 score cp 30 nodes 20 pv d2d4 g8f6",
                "bestmove d2d4",
            )


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
