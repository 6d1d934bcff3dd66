"""Makes the bind-mounted folders usable by our services' group, whoever owns the clone; run at every start.

Each folder keeps its owner and gets the group of our services: never the whole world, as anyone could then plant a
pickle. A default ACL lets the owner read and delete what our services will write, in new sub-folders too; where the
file system has no ACLs, what they have written so far becomes the owner's instead.

It runs as root in folders that others may write to meanwhile. So every file and folder is opened without following
links, within its folder's descriptor, and is changed by its own descriptor only. A file that has other names is left
as it is: one of these names may be outside of the folder.
"""

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SERVICES_GROUP = 10001
WRITTEN = (Path("/mnt/models"), Path("/mnt/outputs"))
READ = (Path("/mnt/data"),)

_WRITTEN_FOLDER = 0o2775  # new files in it take its group
_ROOT = 0
_DEEPEST = 100  # folders in folders: each holds a descriptor open
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def main() -> None:
    """Prepare every mounted folder; what can't be changed is printed, and left for the services to judge."""
    for path in WRITTEN:
        _prepare(path, _prepare_written)
    for path in READ:
        _prepare(path, _prepare_read)


def _prepare(path: Path, prepare: Callable[[Path, int], None]) -> None:
    with _reported(path):
        folder = os.open(path, _OPEN | os.O_DIRECTORY)
        try:
            prepare(path, folder)
        finally:
            os.close(folder)


def _prepare_written(path: Path, folder: int) -> None:
    owner = os.fstat(folder).st_uid
    has_acls = True
    with _reported(path):
        has_acls = owner == _ROOT or _grant_by_acl(folder, owner)

    def let_group_write(descriptor: int) -> None:
        _set_group(descriptor)
        is_folder = _is_folder(descriptor)
        if is_folder and has_acls and owner != _ROOT:
            _grant_by_acl(descriptor, owner)
        if not has_acls:
            os.fchown(descriptor, owner, -1)
        if is_folder:
            _add_mode(descriptor, stat.S_IRWXG | stat.S_ISGID)
        else:
            _add_mode(descriptor, stat.S_IRGRP | stat.S_IWGRP, instead_of=stat.S_IRWXO)  # they hold payments

    _change_inside(path, folder, let_group_write)
    with _reported(path):
        _set_group(folder)
        os.fchmod(folder, _WRITTEN_FOLDER)


def _prepare_read(path: Path, folder: int) -> None:
    with _reported(path):
        _let_group_read(folder)
    _change_inside(path, folder, _let_group_read)


def _let_group_read(descriptor: int) -> None:
    _set_group(descriptor)
    _add_mode(descriptor, stat.S_IRGRP | stat.S_IXGRP if _is_folder(descriptor) else stat.S_IRGRP)


def _change_inside(path: Path, folder: int, change: Callable[[int], None], depth: int = 1) -> None:
    """Apply `change` to all files and folders in `folder`, by their descriptors; `path` is for messages."""
    for name in sorted(os.listdir(folder)):
        inside = path / name
        with _reported(inside), _opened(inside, name, folder) as descriptor:
            if descriptor is None:
                continue
            with _reported(inside):
                change(descriptor)
            if not _is_folder(descriptor):
                continue
            if depth < _DEEPEST:
                _change_inside(inside, descriptor, change, depth + 1)
            else:
                _print(inside, f"more than {_DEEPEST} folders deep: what is in it stays as it is")


@contextmanager
def _opened(path: Path, name: str, folder: int) -> Iterator[int | None]:
    """Open a file or folder; None where it is anything else, or a file with other names, which may be anywhere."""
    if not _is_ours(os.stat(name, dir_fd=folder, follow_symlinks=False)):  # opening a device may do something
        yield None
        return
    descriptor = os.open(name, _OPEN, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            _print(path, "has other names (hard links): it stays as it is; put a copy in its place")
            yield None
        else:
            yield descriptor if _is_ours(found) else None
    finally:
        os.close(descriptor)


def _is_ours(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)


def _is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def _set_group(descriptor: int) -> None:
    if os.fstat(descriptor).st_gid != SERVICES_GROUP:
        os.fchown(descriptor, -1, SERVICES_GROUP)


def _add_mode(descriptor: int, bits: int, instead_of: int = 0) -> None:
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if (wanted := mode & ~instead_of | bits) != mode:
        os.fchmod(descriptor, wanted)


def _grant_by_acl(folder: int, owner: int) -> bool:
    """Let `owner` do all with what our services will make in this folder; False where the file system has no ACLs."""
    try:
        os.setxattr(folder, "system.posix_acl_default", _acl(owner))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return False
    return True


def _acl(owner: int) -> bytes:
    """user::rwx, user:OWNER:rwx, group::rwx, mask::rwx, other::---, as the kernel wants it."""
    nobody = 0xFFFFFFFF
    entries = [(0x01, 7, nobody), (0x02, 7, owner), (0x04, 7, nobody), (0x10, 7, nobody), (0x20, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass  # removed meanwhile: a running service cleans up
    except OSError as error:
        _print(path, f"{error.strerror}; it stays as it is")


def _print(path: Path, problem: str) -> None:
    print(f"volumes: {str(path)!r}: {problem}", flush=True)


if __name__ == "__main__":
    main()
