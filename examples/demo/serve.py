"""`python -m examples.demo.serve`: the landing page and all below it, on a port of this machine."""

import click
import uvicorn

from examples.demo.web import create_app
from examples.running import HOST, port_option

GRACE_SECONDS = 2
"""How long answers may go on after the end was asked for: the streams of the dashboard never end by themselves."""


@click.command()
@port_option
def main(port: int) -> None:
    """Serve all examples until told to stop."""
    # Made here, not by uvicorn: that would call it on its loop, where Django does not let its tables be made.
    application = create_app()
    uvicorn.run(application, host=HOST, port=port, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS)


if __name__ == "__main__":
    main()
