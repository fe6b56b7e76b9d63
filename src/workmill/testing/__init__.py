"""What tests need: for applications a store of their own, for stores the suite that every store passes."""

from workmill.testing.clock import FakeClock
from workmill.testing.draining import StillBusy, adrain, drain
from workmill.testing.inline import inline
from workmill.testing.isolation import isolated

__all__ = ["FakeClock", "StillBusy", "adrain", "drain", "inline", "isolated"]
