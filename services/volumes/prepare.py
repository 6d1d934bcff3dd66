"""Permissions of the bind-mounted folders: access for our services' group, set at each start for any owner.

Each folder keeps its owner and gets the group of our services, but is never world-writable: any user could then plant a
pickle. A default ACL lets the owner read and delete files that our services will write, in new sub-folders too; if the
file system has no ACLs, the files written so far get that owner instead.

It runs as root in folders that other users may write to meanwhile. So every file and folder is opened without following
links, relative to its folder's descriptor, and is changed by its own descriptor only. A file with several hard links is
not changed: one of them may be outside of the folder.
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
READ = tuple(Path("/mnt") / name for name in ("data", "prometheus", "alertmanager", "grafana"))

_WRITTEN_FOLDER = 0o2775  # new files in it take its group
_ROOT = 0
_DEEPEST = 100  # nested folders: each keeps a descriptor open
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def main() -> None:
    """Prepare every mounted folder; print files that can't be changed: the services report those that they need."""
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
            _add_mode(descriptor, stat.S_IRGRP | stat.S_IWGRP, instead_of=stat.S_IRWXO)  # they contain payments

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
                _print(inside, f"more than {_DEEPEST} folders deep: its content is not changed")


@contextmanager
def _opened(path: Path, name: str, folder: int) -> Iterator[int | None]:
    """Open a file or folder; yield None for anything else, and for a file with other hard links."""
    # opening a device may have side effects
    if not _is_changeable(os.stat(name, dir_fd=folder, follow_symlinks=False)):
        yield None
        return
    descriptor = os.open(name, _OPEN, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            _print(path, "has other hard links: not changed; replace it by a copy")
            yield None
        else:
            yield descriptor if _is_changeable(status) else None
    finally:
        os.close(descriptor)


def _is_changeable(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


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
    """Give `owner` full access to files created later in this folder; return False if the file system has no ACLs."""
    try:
        os.setxattr(folder, "system.posix_acl_default", _acl(owner))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return False
    return True


def _acl(owner: int) -> bytes:
    """Encode the ACL user::rwx, user:OWNER:rwx, group::rwx, mask::rwx, other::--- for the kernel."""
    undefined = 0xFFFFFFFF
    entries = [(0x01, 7, undefined), (0x02, 7, owner), (0x04, 7, undefined), (0x10, 7, undefined), (0x20, 0, undefined)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass  # removed meanwhile by a running service
    except OSError as error:
        _print(path, f"{error.strerror}; not changed")


def _print(path: Path, problem: str) -> None:
    print(f"volumes: {str(path)!r}: {problem}", flush=True)


if __name__ == "__main__":
    main()
