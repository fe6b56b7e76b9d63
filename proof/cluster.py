"""Hold the room on Redis against the contract where the server is a cluster of three, each of which has some stores.

    ./run proof cluster [PYTEST ARGUMENTS]

WORKMILL_TEST_REDIS names the servers' program.
"""

import os
import subprocess
import sys

from tests.servers.cluster import redis_cluster
from tests.servers.redis import CHOICE, chosen_program

SUITE = "tests/conformance/test_redis.py"


def main(arguments: list[str]) -> int:
    """Run the contract's suite over a cluster; answer as pytest does."""
    if arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    with redis_cluster(chosen_program()) as nodes:
        environment = {**os.environ, CHOICE: nodes[0].url()}
        command = [sys.executable, "-m", "pytest", "-q", SUITE, *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
