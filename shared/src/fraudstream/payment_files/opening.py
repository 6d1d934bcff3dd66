"""The content of a file in chunks of UTF-8, from any supported encoding and compression."""

import codecs
import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from fraudstream.errors import PaymentFileError

CHUNK_BYTES = 1 << 18
_GZIP = b"\x1f\x8b"
_FREE_BYTES = 1 << 26
_MAX_EXPANSION = 100
"""Limit on the expansion of a gzip file, in times its size, after the free bytes: payments expand 3 to 15 times."""
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
    b"\x28\xb5\x2f\xfd": "compressed with zstd: only gzip is supported",
    b"\xfd7zXZ\x00": "compressed with xz: only gzip is supported",
    b"BZh9": "compressed with bzip2: only gzip is supported",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file's content, with its detected encoding and compression; `chunks` are UTF-8 without a byte order mark."""

    encoding: str
    is_gzip: bool
    chunks: Iterator[bytes]


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open the file for reading it once. Raises PaymentFileError, also while it is read."""
    with ExitStack() as stack:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise PaymentFileError(f"{path} is not a regular file: name a file, not a folder, pipe or device")
            file = stack.enter_context(path.open("rb"))
            is_gzip = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=file)) if is_gzip else file
            chunks = _read_chunks(path, file, unpacked)
            head = next(chunks, b"")
        except OSError as error:
            raise PaymentFileError(f"{path} can't be read: {error.strerror}") from error
        for prefix, what in _FOREIGN.items():
            if head.startswith(prefix):
                raise PaymentFileError(f"{path} is {what}")
        mark = next((mark for mark in _ENCODINGS if head.startswith(mark)), b"")
        content = chain([head[len(mark) :]], chunks)
        encoding = _ENCODINGS.get(mark, "UTF-8")
        utf_8 = _transcode(content, encoding) if encoding.startswith("UTF-16") else content
        yield Opened(encoding=encoding, is_gzip=is_gzip, chunks=utf_8)


def _read_chunks(path: Path, file: BinaryIO, content: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """Yield `content`, which is `file` or what it contains compressed."""
    expanded = 0
    try:
        while chunk := content.read(CHUNK_BYTES):
            expanded += len(chunk)
            if expanded > _FREE_BYTES + _MAX_EXPANSION * file.tell():
                raise PaymentFileError(
                    f"{path} expands to more than {_MAX_EXPANSION} times its size: "
                    "if that is correct, unpack it with gunzip"
                )
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PaymentFileError(
            f"{path} is a damaged gzip file, after {expanded:,} unpacked bytes ({error}): copy it or compress it again"
        ) from None
    except OSError as error:
        raise PaymentFileError(f"{path} can't be read: {error.strerror}") from None


def _transcode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    # a lone surrogate, or half a character at the end, becomes bytes that are not UTF-8: its line is rejected
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xff"
