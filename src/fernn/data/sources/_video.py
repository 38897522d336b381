"""Videos decoded, made grey, and shrunk by area."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from labrun.errors import UserError


def decode(content: bytes, name: str, size: int) -> UInt8[np.ndarray, "frame row col"]:
    """The grey frames of a video, ``size × size`` pixels.

    A video that breaks off is as long as what can be read of it.

    Raises:
        UserError: PyAV is not installed, or not one frame can be read.
    """
    try:
        import av  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "videos are read by PyAV, which is not installed: pip install 'fernn[kth]'"
        ) from None
    library: Any = av
    frames, reason = [], "it has no video"
    try:
        with library.open(io.BytesIO(content)) as container:
            for frame in container.decode(video=0):
                frames.append(shrink(frame.to_ndarray(format="gray"), size))
    except (library.FFmpegError, IndexError) as error:
        reason = str(error).splitlines()[0]
    if not frames:
        raise UserError(f"{name}: not one frame can be read: {reason}")
    return np.stack(frames)


def shrink(
    image: UInt8[np.ndarray, "tall wide"], size: int
) -> UInt8[np.ndarray, "size size"]:
    """Means over the parts of pixels that each new one covers, rounded."""
    tall, wide = (cover(length, size) for length in image.shape)
    return np.rint(tall @ image @ wide.T).astype(np.uint8)


def cover(length: int, size: int) -> Float[np.ndarray, "size length"]:
    """What share of each new pixel each old one has along an axis; rows sum to 1."""
    edges = np.arange(size + 1) * length / size
    old = np.arange(length)
    low = np.maximum(edges[:-1, None], old)
    high = np.minimum(edges[1:, None], old + 1)
    return np.clip(high - low, 0, None) * size / length
