"""How long a worker's lease may be: how long after its last sign of life its jobs are taken from it."""

from datetime import timedelta

LEASE = timedelta(seconds=15)
SHORTEST_LEASE = timedelta(seconds=1)
LONGEST_LEASE = timedelta(days=1)
