"""A parallel LSTM over the patches of each frame, then an LSTM over the frames.

Source: K. Pöppel and others, 2025, arXiv 2506.11997.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Size
from fernn.models._plstm import Grid, Mode, Plstm
from fernn.models._recurrent import CHANNELS, check_patch
from fernn.models.lrcn import Lrcn, Of
from fernn.velocities import whole

TASK = "classify"
MODES: tuple[Mode, Mode] = ("P", "D")  # of layers, in turn


class Patches(nn.Module):
    """Patches as nodes of a grid, layers of `Plstm` with networks, the corners' mean.

    Args:
        hidden: width of a node.
        patch: side of a patch, pixels.
        layers: of `Plstm`, in the modes P and D in turn.
        heads: of each.
        expansion: of the network after each, as a multiple of `hidden`.
    """

    def __init__(
        self, hidden: int, patch: int, layers: int, heads: int, expansion: int
    ):
        super().__init__()
        self.patch, wide = patch, expansion * hidden
        self.embed = nn.Linear(CHANNELS * patch**2, hidden)
        self.walks = nn.ModuleList(
            Plstm(hidden, heads, MODES[index % 2]) for index in range(layers)
        )
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden),
                nn.Linear(hidden, wide),
                nn.GELU(),
                nn.Linear(wide, hidden),
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden)

    def forward(
        self, frames: Float[Tensor, "frame channel height width"]
    ) -> Float[Tensor, "frame hidden"]:
        """The features of each frame."""
        patches = F.pixel_unshuffle(frames, self.patch).movedim(1, -1)
        return self.read(self.embed(patches))

    def read(self, grid: Grid) -> Float[Tensor, "batch width"]:
        """The mean of the corners, where the walks end, after all layers."""
        for walk, network in zip(self.walks, self.networks, strict=True):
            grid = walk(grid)
            grid = grid + network(grid)
        corners = grid[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        return self.norm(corners).mean(1)


class PlstmClassifier(Lrcn):
    r"""The LRCN, whose network of a frame is a parallel LSTM of its patches.

    It knows the border of a frame, where its walks begin and end, so that no shift and
    no flow leaves its answer as it is. At 64 channels, patches of 2 pixels, 4 heads,
    two layers and 6 classes: 117,158 parameters.

    Args:
        size: height and width of a frame, pixels.
        hidden: width of a patch, and channels of the LSTM.
        patch: side of a patch, pixels.
        layers: see `Patches`.
        heads: likewise.
        expansion: likewise.
        classes: how many.
        bidirectional: see `Lrcn`.
        of: likewise.

    Raises:
        UserError: a number below one, heads that do not divide the width, or patches
            that do not divide a frame.
    """

    def __init__(
        self,
        size: Size,
        hidden: int = 64,
        patch: int = 2,
        layers: int = 2,
        heads: int = 4,
        expansion: int = 2,
        classes: int = 6,
        bidirectional: bool = False,
        of: Of = "mean",
    ):
        check_patch(patch, size)
        given = {"layers": layers, "heads": heads, "expansion": expansion}
        for name, value in given.items():
            whole(value, f"{name} must be positive", least=1)
        super().__init__(size, hidden, classes, bidirectional=bidirectional, of=of)
        self.encode = Patches(hidden, patch, layers, heads, expansion)

    def features(
        self, frames: Float[Tensor, "frame channel height width"]
    ) -> Float[Tensor, "frame hidden"]:
        """What the LSTM sees of each frame."""
        return self.encode(frames)


build = PlstmClassifier
