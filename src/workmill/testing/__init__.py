"""What tests need: for applications a store of their own, for stores the suite that every store passes."""

from workmill.testing.clock import FakeClock
from workmill.testing.draining import StillBusy, adrain, drain
from workmill.testing.inline import inline

__all__ = ["FakeClock", "StillBusy", "adrain", "drain", "inline"]
