"""What is in a file of any kind, packed or not."""

import re
import sqlite3
import zipfile
import zlib
from contextlib import closing


def contents(path):
    """The bytes of a file, and of what is packed in it."""
    raw = path.read_bytes()
    yield raw
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as connection:
            yield "\n".join(connection.iterdump()).encode()
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", raw):
        try:
            yield zlib.decompressobj().decompress(raw[match.start() :], 2**22)
        except zlib.error:
            continue


def holds(path, secret):
    wanted = [secret.encode(), secret.encode("utf-16-be")]
    return any(word in text for text in contents(path) for word in wanted)
