"""The tasks of the bench of solo processes; apart from the others, which older checkouts must be able to load."""

from workmill import App

app = App()


@app.task(process=True)
def nothing() -> None:
    """End at once, in a process of its own."""
