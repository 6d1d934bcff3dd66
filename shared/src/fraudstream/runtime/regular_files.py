"""Regular files in folders that other users may write to: opened without following links, replaced atomically.

A folder may be a link, a file must not be one: another user who can write to the folder could point it at a file
that only this process may read or write. A FIFO would block the process; a device, or a sparse file, would fill its
memory. Standard library only, and light: health checks use it.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

SHARED_MODE = 0o660
"""Files that processes of one group write: the owner on the host and the user in a container share a group."""
_FOLDER_MODE = 0o775
_LINK = "a symbolic link: put the file itself there, or link its folder"
_NO_FILE = "it is not a regular file"
# some mounts, such as those of Windows folders, can neither open nor sync a folder
_NO_FOLDER_OPEN = frozenset({errno.EISDIR, errno.EACCES})
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF})


def open_regular(path: Path, flags: int, mode: int = 0o666) -> int:
    """Return a descriptor of the regular file at `path`, which the caller closes.

    Raises OSError, with ELOOP for a link and EINVAL for anything else that is not a regular file; never blocks.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise OSError(errno.ELOOP, _LINK, str(path)) from None
        if error.errno == errno.ENXIO:  # a FIFO without a reader, or a socket
            raise OSError(errno.EINVAL, _NO_FILE, str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NO_FILE, str(path))
    return descriptor


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Yield the descriptor, and close it after the block."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_trusted(path: Path, flags: int, mode: int = 0o666) -> int:
    """Return a descriptor as `open_regular` does, but follow a link that the user of this process or root has made."""
    try:
        return open_regular(path, flags, mode)
    except OSError as error:
        target = trusted_place(path) if error.errno == errno.ELOOP else path
        if target == path:
            raise
    return open_regular(target, flags, mode)


def regular_file(path: Path) -> BinaryIO:
    """Return the regular file at `path`, open for reading. Raises OSError as `open_regular` does."""
    return os.fdopen(open_regular(path, os.O_RDONLY), "rb")


def trusted_file(path: Path) -> BinaryIO:
    """Return the file at `path`, or that of a trusted link, open for reading. Raises OSError as `open_trusted` does."""
    return os.fdopen(open_trusted(path, os.O_RDONLY), "rb")


def trusted_place(path: Path) -> Path:
    """Return the target of `path` if it is a link made by the user of this process or root; else `path`.

    Owner and target are read from one descriptor.
    """
    if sys.platform != "linux":
        return path
    with closing(os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)) as link:
        status = os.fstat(link)
        if not stat.S_ISLNK(status.st_mode) or status.st_uid not in {0, os.geteuid()}:
            return path
        return path.parent / os.readlink("", dir_fd=link)


def refuse_planted(path: Path) -> None:
    """Raise OSError if `open_trusted` would; for files that a library opens by name."""
    with suppress(FileNotFoundError):
        status = trusted_place(path).lstat()
        if stat.S_ISLNK(status.st_mode):
            raise OSError(errno.ELOOP, _LINK, str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, _NO_FILE, str(path))


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return the content of the regular file at `path`. Raises OSError, with EFBIG if it has more bytes."""
    with regular_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(most_bytes + 1) if size <= most_bytes else b""
    if max(size, len(content)) > most_bytes:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, and at most {most_bytes:,} are read", str(path))
    return content


def create_regular(path: Path, mode: int = 0o666) -> BinaryIO:
    """Return a new file at `path` to write to, in place of an existing one; a link is removed, not followed."""
    path.unlink(missing_ok=True)
    return os.fdopen(open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


@contextmanager
def atomic_write(
    path: Path, mode: int | None = None, *, part: Path | None = None, sync: bool = True
) -> Iterator[BinaryIO]:
    """Yield a new file that replaces `path` at the end; after an exception, it is removed.

    A reader, or a crash, finds the complete old file or the complete new one. The file is first named `part`, by
    default a random name beside `path`. `mode` applies regardless of the umask.
    """
    part = part or path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    try:
        with create_regular(part, 0o666 if mode is None else mode) as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_regular(path: Path, content: bytes, mode: int, *, sync: bool = True) -> None:
    """Replace the file at `path` atomically. Raises OSError, and then leaves no temporary file."""
    with atomic_write(path, mode, sync=sync) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Force the names in `folder` to disk if its file system supports that.

    If not, a crash of the machine may lose the name of a new file.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_FOLDER_OPEN:
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def make_shared_folder(folder: Path) -> None:
    """Create a folder, unless it exists, that the owner on the host and the container's user share by their group."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        # a set-group-ID bit is kept
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | _FOLDER_MODE)
