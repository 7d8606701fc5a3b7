"""Opening a file that somebody exported: size, compression, encoding, and what it plainly is not.

An export is refused as a whole when it is empty, too large, compressed into a bomb, not text, or a
web page or error message that was saved in place of data. Those are the cases where reading on
would turn a failed download into "this address has no transactions".
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path

from data.errors import Refused

LARGEST_BYTES = 4 << 30
"""An export of more than four gibibytes is not read in one piece."""

_LARGEST_RATIO = 200
_RATIO_FROM = 64 << 20
_CHUNK = 1 << 20

_GZIP = b"\x1f\x8b"
_OTHER_CONTAINERS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a SQLite database",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstandard file",
}
PARQUET = b"PAR1"


def read_bytes(path: Path, largest: int = LARGEST_BYTES) -> bytes:
    """Return a file's content, decompressed when it is gzip.

    Parameters
    ----------
    path
        A file of text, plain or in gzip, or a Parquet file.
    largest
        The most bytes accepted, before and after decompression.

    Raises
    ------
    Refused
        The file cannot be read, is empty, too large, a gzip bomb, damaged gzip, or a container of
        another kind (zip, Excel, PDF, …).
    """
    try:
        if not path.is_file():
            raise Refused(f"{str(path)!r} is not a file.", expected="an exported file")
        size = path.stat().st_size
        if size > largest:
            raise _too_large(path, largest)
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    if data.startswith(_GZIP):
        data = _gunzip(path, data, largest)
        if data.startswith(PARQUET):
            raise Refused(f"{str(path)!r} is Parquet in gzip.", hint="Unpack it first.")
    for magic, what in _OTHER_CONTAINERS.items():
        if data.startswith(magic):
            raise Refused(
                f"{str(path)!r} is {what}.",
                expected="CSV, JSON or Parquet, plain or in gzip",
                hint="Unpack it, or save it as CSV.",
            )
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise Refused(
            f"{str(path)!r} is empty: not even a header line.",
            expected="an export with its header; a header without rows is fine",
            hint="Download it again: an empty file is a failed download, not an empty history.",
        )
    return data


def _gunzip(path: Path, data: bytes, largest: int) -> bytes:
    """Decompress in steps, so that a bomb is noticed before it fills the memory."""
    out = io.BytesIO()
    rest = data
    try:
        while rest.startswith(_GZIP):  # a gzip file may hold several members
            inflate = zlib.decompressobj(wbits=31)
            while not inflate.eof:
                chunk = inflate.decompress(rest, _CHUNK)
                rest = inflate.unconsumed_tail
                out.write(chunk)
                _refuse_bomb(path, len(data), out.tell(), largest)
                if not chunk and not rest and not inflate.eof:
                    raise zlib.error("it ends too early")
            rest = inflate.unused_data
    except zlib.error as error:
        raise Refused(
            f"{str(path)!r} is a damaged gzip file ({error}).", hint="Download it again."
        ) from error
    return out.getvalue()


def _refuse_bomb(path: Path, packed: int, unpacked: int, largest: int) -> None:
    if unpacked > largest:
        raise _too_large(path, largest)
    if unpacked > _RATIO_FROM and unpacked > packed * _LARGEST_RATIO:
        raise Refused(
            f"{str(path)!r} unpacks to more than {_LARGEST_RATIO} times its size.",
            expected="an export, which gzip makes 3 to 30 times smaller",
            hint="If it is genuine, unpack it first.",
        )


def _too_large(path: Path, largest: int) -> Refused:
    return Refused(
        f"{str(path)!r} holds more than {largest:,} bytes.",
        hint="Split the export, or convert it to Parquet and use the format 'table'.",
    )


def decode_text(path: Path, data: bytes) -> bytes:
    """Return text as UTF-8 without a byte-order mark, with LF line ends.

    The declared rules: a byte-order mark decides (UTF-8, UTF-16 or UTF-32); without one the text
    is UTF-8. Bytes that are not UTF-8 become U+FFFD, which sends their row to quarantine. Lines
    end in LF or CRLF; a file with CR only (old spreadsheets) is read as if CR were LF.

    Raises
    ------
    Refused
        UTF-16 that does not decode, UTF-16 without a byte-order mark, binary data, a web page.
    """
    for mark, encoding in (
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError as error:
                raise Refused(
                    f"{str(path)!r} begins like {encoding} text but does not decode ({error}).",
                    hint="Export it again as CSV in UTF-8.",
                ) from error
            data = text.encode("utf-8", "replace")
            break
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.count(b"\x00", 0, 4096) * 4 > min(len(data), 4096):
        raise Refused(
            f"{str(path)!r} is binary, or UTF-16 without a byte-order mark.",
            expected="text in UTF-8, or in UTF-16 with its byte-order mark",
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        data = data.decode("utf-8", "replace").encode("utf-8")
    _refuse_web_page(path, data)
    data = data.replace(b"\r\n", b"\n")
    return data.replace(b"\r", b"\n") if b"\n" not in data else data


def _refuse_web_page(path: Path, data: bytes) -> None:
    if data[:2048].lstrip().startswith(b"<"):
        raise Refused(
            f"{str(path)!r} is a web page or XML, not an export.",
            expected="CSV, JSON or Parquet",
            hint="The download failed or needs a login: open the file in a browser to see why.",
        )
