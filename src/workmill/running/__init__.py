"""The running floor: the process tree of a worker, its lease, its duties and its engines."""
