"""Lines out of a stream that comes in pieces, however long a line is."""


class Lines:
    """Puts the pieces of a stream together to whole lines; each byte is looked at once."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece and return the lines that it completes."""
        first, *rest = piece.split(b"\n")
        self._pieces.append(first)
        if not rest:
            return []
        line = b"".join(self._pieces)
        *lines, last = rest
        self._pieces = [last]
        return [line, *lines]
