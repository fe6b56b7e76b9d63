"""What `diagnose` looks at around the file: its modes, its folder, its disk, its sockets."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from workmill.store import Finding, Level
from workmill.stores.sqlite.health import MEBIBYTE, found
from workmill.stores.sqlite.wake import IS_POSSIBLE, is_private

LITTLE_ROOM = 1024 * MEBIBYTE
NO_ROOM = 64 * MEBIBYTE
LARGE_WAL = 256 * MEBIBYTE
MOUNTS = Path("/proc/self/mountinfo")
NETWORKS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre"}
    | {"nfs", "nfs4", "smb3", "smbfs"}
)


def look_around(path: Path, wake_folder: Path) -> list[Finding]:
    """Look at all of it."""
    folder = path.parent
    return [modes(path), folder_modes(folder), *network(folder), room(folder), *wal(path), wake_up(wake_folder)]


def modes(path: Path) -> Finding:
    """Look who may read the database and the files that SQLite keeps beside it."""
    files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
    open_to_others = [file.name for file in files if file.exists() and file.stat().st_mode & 0o077]
    if not open_to_others:
        return found("file modes", "only the owner can read or write the jobs")
    names = " ".join(open_to_others)
    return found("file modes", f"other users can read {names}", Level.WARN, f"chmod 600 {names}")


def folder_modes(folder: Path) -> Finding:
    """Look who may replace the database."""
    mode = folder.stat().st_mode
    if not mode & stat.S_IWOTH:
        return found("folder", f"{folder}: other users cannot write into it")
    remedy = "keep the database in a folder that only its user can write to"
    if mode & stat.S_ISVTX:
        return found("folder", f"{folder}: other users can put files beside the database", Level.WARN, remedy)
    return found("folder", f"{folder}: other users can replace the database", Level.FAIL, remedy)


def network(folder: Path) -> Iterator[Finding]:
    """Look whether the folder comes over a network, where processes share no memory and locks may not hold."""
    kind = file_system(folder)
    if kind is None:
        return
    if kind in NETWORKS:
        remedy = "keep the database on a disk of this machine"
        yield found("file system", f"{kind}: WAL mode needs one machine's memory", Level.FAIL, remedy)
    else:
        yield found("file system", kind)


def file_system(folder: Path) -> str | None:
    """Return the kind of file system that holds a folder, where the system tells."""
    try:
        mounts = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return None
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for mount in reversed(mounts):
        fields = mount.split()
        if fields[2] == number:
            return fields[fields.index("-") + 1]
    return None


def room(folder: Path) -> Finding:
    """Look at the room left on the disk."""
    free = shutil.disk_usage(folder).free
    detail = f"{free // MEBIBYTE} MiB are free"
    remedy = "make room: on a full disk no job can be accepted or settled"
    if free < NO_ROOM:
        return found("disk", detail, Level.FAIL, remedy)
    if free < LITTLE_ROOM:
        return found("disk", detail, Level.WARN, remedy)
    return found("disk", detail)


def wal(path: Path) -> Iterator[Finding]:
    """Look whether the WAL grows, because somebody keeps it from being emptied."""
    file = path.with_name(f"{path.name}-wal")
    size = file.stat().st_size if file.exists() else 0
    if size > LARGE_WAL:
        remedy = "look for a program that keeps a transaction open on the file, such as an idle sqlite3 shell"
        yield found("WAL", f"{size // MEBIBYTE} MiB: it is not being emptied", Level.WARN, remedy)


def wake_up(wake_folder: Path) -> Finding:
    """Look whether processes can wake one another."""
    if IS_POSSIBLE and is_private(wake_folder):
        return found("wake-up", f"by sockets in {wake_folder.name}")
    remedy = f"let this user own {wake_folder} with mode 700" if IS_POSSIBLE else "none is needed"
    return found("wake-up", "no sockets: workers learn of new jobs only by polling", Level.WARN, remedy)
