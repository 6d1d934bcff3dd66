"""A file → its content in UTF-8, chunk by chunk, whatever it is encoded or compressed with."""

import codecs
import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fraudstream.errors import PaymentFileError

CHUNK_BYTES = 1 << 18
_GZIP = b"\x1f\x8b"
_FREE_BYTES = 1 << 26
_MOST_EXPANDED = 100
"""Times its size that a gzip file may expand to, after the free bytes: payments expand 3 to 15 times."""
_ENCODINGS = {
    codecs.BOM_UTF8: "UTF-8 with a byte order mark",
    codecs.BOM_UTF16_LE: "UTF-16-LE",
    codecs.BOM_UTF16_BE: "UTF-16-BE",
}
_AS_CSV = "save it as CSV in UTF-8"
_FOREIGN = {
    codecs.BOM_UTF32_LE: f"UTF-32 text: {_AS_CSV}",
    codecs.BOM_UTF32_BE: f"UTF-32 text: {_AS_CSV}",
    b"PK\x03\x04": f"a ZIP archive or an Excel workbook: {_AS_CSV}",
    b"\xd0\xcf\x11\xe0": f"an old Excel workbook: {_AS_CSV}",
    b"PAR1\x15": f"a Parquet file: {_AS_CSV}",
    b"Obj\x01": f"an Avro container file: {_AS_CSV}",
    _GZIP: "compressed twice: unpack it once",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: only gzip is read",
    b"\xfd7zXZ\x00": "compressed with xz: only gzip is read",
    b"BZh9": "compressed with bzip2: only gzip is read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file's content, with what was detected; `chunks` are UTF-8 without a byte order mark."""

    encoding: str
    is_gzip: bool
    chunks: Iterator[bytes]


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open the file for one reading. Raises PaymentFileError, also while it is read."""
    with ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise PaymentFileError(f"{path} is not a regular file: name a file, not a folder, pipe or device")
            file = stack.enter_context(path.open("rb"))
            is_gzip = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            chunks = _unpacked(path, file) if is_gzip else _chunks(path, file)
            head = next(chunks, b"")
        except OSError as error:
            raise PaymentFileError(f"{path} can't be read: {error.strerror}") from error
        for prefix, what in _FOREIGN.items():
            if head.startswith(prefix):
                raise PaymentFileError(f"{path} is {what}")
        mark = next((mark for mark in _ENCODINGS if head.startswith(mark)), b"")
        content = _after(head[len(mark) :], chunks)
        encoding = _ENCODINGS.get(mark, "UTF-8")
        utf_8 = _transcoded(content, encoding) if encoding.startswith("UTF-16") else content
        yield Opened(encoding=encoding, is_gzip=is_gzip, chunks=utf_8)


def _after(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from chunks


def _chunks(path: Path, file: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise PaymentFileError(f"{path} can't be read: {error.strerror}") from None


def _unpacked(path: Path, file: BinaryIO) -> Iterator[bytes]:
    expanded = 0
    try:
        with gzip.GzipFile(fileobj=file) as content:
            while chunk := content.read(CHUNK_BYTES):
                expanded += len(chunk)
                if expanded > _FREE_BYTES + _MOST_EXPANDED * file.tell():
                    raise PaymentFileError(
                        f"{path} expands to more than {_MOST_EXPANDED} times its size: "
                        "if that is right, unpack it with gunzip"
                    )
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PaymentFileError(
            f"{path} is a damaged gzip file, after {expanded:,} unpacked bytes ({error}): copy it or compress it again"
        ) from None
    except OSError as error:
        raise PaymentFileError(f"{path} can't be read: {error.strerror}") from None


def _transcoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    # a lone surrogate becomes bytes that are no UTF-8, and so does half a character at the end: its line is rejected
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"
