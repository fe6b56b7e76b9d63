"""Become somebody who is not root, then run a command: `python as_ordinary_user.py COMMAND ...`.

PostgreSQL refuses to run as root. Where this process is root, a user namespace of its own makes it look like another
user while its files stay root's. Where the kernel refuses that, it really becomes `nobody`, who must own what it
writes.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
ORDINARY = 1000


def main(command: list[str]) -> None:
    """Change who this is, where that is needed, and become the command."""
    if os.geteuid() == 0 and not enter_namespace():
        become_nobody()
    os.execv(command[0], command)


def enter_namespace() -> bool:
    """Be another user in a user namespace; answer whether the kernel allowed it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{ORDINARY} 0 1")
    Path("/proc/self/gid_map").write_text(f"{ORDINARY} 0 1")
    return True


def become_nobody() -> None:
    """Be `nobody` for good."""
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


if __name__ == "__main__":
    main(sys.argv[1:])
