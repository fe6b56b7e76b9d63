"""A form, and a robot that a person starts and stops: a Flask application, workers, and the service they fetch from.

`python -m examples.robot` starts all of it; `examples/robot/deploy` has each part as a container of its own.
"""

from examples.robot.web import create_app

__all__ = ["create_app"]
