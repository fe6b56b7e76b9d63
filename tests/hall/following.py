"""The tasks that the tests of jobs that follow others share."""

from workmill import App


class Tasks:
    """The tasks of these tests, and whether `divide` may divide by zero yet."""

    def __init__(self, app: App) -> None:
        self.allows_zero = False

        @app.task
        def add(a: int, b: int = 1) -> int:
            return a + b

        @app.task
        def total(parts: list[int | None], start: int = 0) -> int:
            return start + sum(part or 0 for part in parts)

        @app.task
        def note(job: str, tag: str = "") -> str:
            return f"{tag}{job}"

        @app.task
        def divide(a: int, by: int = 1) -> int:
            return a if self.allows_zero else a // by

        @app.task
        def nothing() -> None:
            return

        self.add, self.total, self.note, self.divide, self.nothing = add, total, note, divide, nothing
