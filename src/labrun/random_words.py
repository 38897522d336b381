"""Random numbers by address: sample i of epoch e of split s, in any order."""

from __future__ import annotations

import hashlib

import numpy as np

BLOCK = 4  # words of one Philox counter


def derived(seed: int, *names: object) -> int:
    """A seed of its own for a named use of another one, below 2^62.

    It begins a SHA-256 of both, so that the streams of two names, or of two seeds,
    have nothing to do with each other.
    """
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2


def words(
    seed: int, split: str, epoch: int, first: int, count: int, width: int
) -> np.ndarray:
    """Uniform 32-bit numbers of samples ``first … first + count``.

    They are a pure function of ``(seed, split, epoch, sample)``: the counter-based
    generator Philox, keyed by seed, split and epoch, is read at the sample's address.
    Its stream is fixed by its definition, not by a library's version.

    Returns:
        Integers below 2^32 as ``uint64``, of shape ``count × width``.
    """
    digest = hashlib.sha256(f"{seed}/{split}/{epoch}".encode()).digest()
    blocks = -(-width // BLOCK)
    stream = np.random.Philox(
        key=int.from_bytes(digest[:16], "little"), counter=first * blocks
    )
    raw = stream.random_raw(count * blocks * BLOCK).reshape(count, blocks * BLOCK)
    return raw[:, :width] >> np.uint64(32)


def below(words: np.ndarray, limit: int | np.ndarray) -> np.ndarray:
    """Map 32-bit words to integers in ``0 … limit - 1`` by multiply and shift."""
    limits = np.asarray(limit, np.uint64)
    return ((words * limits) >> np.uint64(32)).astype(np.int64)


def fractions(words: np.ndarray) -> np.ndarray:
    """Map 32-bit words to numbers from 0 to below 1, in double precision."""
    return words / 2**32
