"""Makes the bind-mounted folders usable by our services' group, whoever owns the clone; run at every start.

Each folder keeps its owner and gets the group of our services: never the whole world, as anyone could then plant a
pickle. A default ACL lets the owner read and delete what our services will write, in new sub-folders too; where the
file system has no ACLs, what they have written so far becomes the owner's instead.
"""

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

SERVICES_GROUP = 10001
WRITTEN = (Path("/mnt/models"), Path("/mnt/outputs"))
READ = (Path("/mnt/data"),)

_WRITTEN_FOLDER = 0o2775  # new files in it take its group
_ROOT = 0


def main() -> None:
    """Prepare every mounted folder; what can't be changed is said, and left for the services to judge."""
    for folder in WRITTEN:
        owner = folder.stat().st_uid
        for path in _inside(folder):
            _try(_let_group_write, path, owner)
        _try(_share, folder, owner)
    for folder in READ:
        for path in (folder, *_inside(folder)):
            _try(_let_group_read, path)


def _inside(folder: Path) -> Iterator[Path]:
    """All that is in the folder but symbolic links: what they point to is not ours."""
    for parent, folders, files in os.walk(folder):
        yield from (path for name in folders + files if not (path := Path(parent, name)).is_symlink())


def _share(folder: Path, owner: int) -> None:
    _set_group(folder)
    _grant_to_owner(folder, owner)
    folder.chmod(_WRITTEN_FOLDER)


def _let_group_write(path: Path, owner: int) -> None:
    _set_group(path)
    if path.is_dir():
        _grant_to_owner(path, owner)
        _add_mode(path, stat.S_IRWXG | stat.S_ISGID)
    else:
        _add_mode(path, stat.S_IRGRP | stat.S_IWGRP, instead_of=stat.S_IRWXO)  # they hold payments


def _let_group_read(path: Path) -> None:
    _set_group(path)
    _add_mode(path, stat.S_IRGRP | stat.S_IXGRP if path.is_dir() else stat.S_IRGRP)


def _set_group(path: Path) -> None:
    if path.stat().st_gid != SERVICES_GROUP:
        os.chown(path, -1, SERVICES_GROUP)


def _add_mode(path: Path, bits: int, instead_of: int = 0) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if (wanted := mode & ~instead_of | bits) != mode:
        path.chmod(wanted)


def _grant_to_owner(folder: Path, owner: int) -> None:
    """Let `owner` do all with what our services will make in this folder."""
    if owner == _ROOT:
        return
    try:
        os.setxattr(folder, "system.posix_acl_default", _acl(owner))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        for path in _inside(folder):
            os.chown(path, owner, -1)


def _acl(owner: int) -> bytes:
    """user::rwx, user:OWNER:rwx, group::rwx, mask::rwx, other::---, as the kernel wants it."""
    nobody = 0xFFFFFFFF
    entries = [(0x01, 7, nobody), (0x02, 7, owner), (0x04, 7, nobody), (0x10, 7, nobody), (0x20, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _try(change: Callable[..., None], path: Path, *details: int) -> None:
    try:
        change(path, *details)
    except FileNotFoundError:
        pass  # it went while we looked: a running service cleans up
    except OSError as error:
        print(f"volumes: {path}: {error.strerror}; go on as it is", flush=True)


if __name__ == "__main__":
    main()
