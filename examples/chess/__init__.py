"""Asynchronous chess analysis: a Flask application whose work is done by Stockfish in Workmill workers.

`flask --app examples.chess run` and `flask --app examples.chess worker` start its two halves;
`python -m examples.chess` starts both.
"""

from examples.chess.web import create_app

__all__ = ["create_app"]
