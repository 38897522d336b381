"""The idx format: magic, sizes, bytes; refused unless whole and as expected."""

from __future__ import annotations

import hashlib
import math
import zlib
from typing import NoReturn

import numpy as np

from fernn.data.sources._limits import ungzip
from labrun.errors import UserError

UNSIGNED_BYTES = 0x08


def decode(
    content: bytes, where: str, dimensions: int, checksum: str | None
) -> tuple[np.ndarray, str]:
    """The array in an idx file of unsigned bytes.

    Args:
        content: bytes of the file, compressed by gzip or not.
        where: path or address, for messages.
        dimensions: 1 for labels, 3 for images.
        checksum: SHA-256 of the uncompressed bytes; None is not checked.

    Returns:
        The array (uint8) and the SHA-256 of the uncompressed bytes.

    Raises:
        UserError: what was expected and what was found, in one line.
    """
    raw = _unpack(content, where)
    magic = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    if raw[:4] != magic:
        _refuse(where, f"magic 0x{magic.hex()}", f"0x{raw[:4].hex()}")
    start = 4 + 4 * dimensions
    sizes = np.frombuffer(raw[4:start].ljust(start - 4, b"\0"), ">u4").tolist()
    size = start + math.prod(sizes)
    shape = "x".join(map(str, sizes))
    if 0 in sizes and len(raw) == size:
        _refuse(where, "sizes of at least 1", shape)
    if len(raw) != size:
        _refuse(where, f"{size} bytes ({shape})", f"{len(raw)} bytes")
    found = hashlib.sha256(raw).hexdigest()
    if checksum is not None and found != checksum.lower():
        _refuse(where, f"SHA-256 {checksum}", found)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(sizes), found


def _unpack(content: bytes, where: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return ungzip(content, where)
    except (EOFError, OSError, zlib.error) as error:
        found = f"{len(content)} bytes that are not ({error})"
        _refuse(where, "a whole gzip file", found)


def _refuse(where: str, expected: str, found: str) -> NoReturn:
    raise UserError(f"{where}: expected {expected}, found {found}")
