r"""A bag of patches: what a clip's patches look like, whatever their order and place.

It is the control of a task that is meant to need motion. Learned filters see each patch
of each frame, or of each difference of successive frames; their mean answer over all
places ``p`` and times ``t`` is classified:

.. math:: y = \mathrm{MLP}\Big(\mathrm{BN}\Big(\tfrac{1}{TP} \sum_{t, p}
   \mathrm{ReLU}(W x_{t, p} + b)\Big)\Big)

After bags of visual words (G. Csurka and others, 2004), with filters that are trained
in place of clustered codes. A permutation of the frames, and a shift on the torus by
multiples of the stride, do not change ``y``. With ``of: differences`` the order within
each pair of successive frames counts, and no other.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.flows import Size
from fernn.velocities import whole
from labrun.errors import UserError, require_known

TASK = "classify"
CONTROL = True  # it lacks what the task is meant to need
Of = Literal["frames", "differences"]
CHANNELS = 1  # of a frame
WIDTHS = ("filters",)


class Bag(nn.Module):
    """Filters of patches, their mean answers, and two layers.

    Args:
        of: ``frames``, or ``differences`` of successive frames.
        filters: how many.
        patch: height and width of a patch, pixels.
        stride: pixels between patches, in both directions.
        classes: how many.

    Raises:
        UserError: an unknown `of`, or a number that is not positive.
    """

    STACKED = ("channels",)

    def __init__(
        self,
        of: Of = "frames",
        filters: int = 64,
        patch: int = 4,
        stride: int = 2,
        classes: int = 6,
    ):
        super().__init__()
        require_known("of", of, get_args(Of))
        for name, value in (("filters", filters), ("patch", patch), ("stride", stride)):
            whole(value, f"{name} must be positive", least=1)
        self.of, self.patch, self.channels = of, patch, CHANNELS
        self.filters = nn.Conv2d(CHANNELS, filters, patch, stride=stride)
        self.read = nn.Sequential(
            nn.BatchNorm1d(filters),
            nn.Linear(filters, filters),
            nn.ReLU(),
            nn.Linear(filters, classes),
        )

    def forward(
        self, video: Float[Tensor, "batch time channel height width"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits of each class.

        Raises:
            UserError: the video has other axes or colours, another type or device than
                the weights, or one frame and no difference.
        """
        check_video(video, self.channels, self.filters.weight)
        return self.read(self.content(video))

    def content(
        self, video: Float[Tensor, "batch time channel height width"]
    ) -> Float[Tensor, "batch filters"]:
        """The mean answer of each filter over all patches."""
        if self.of == "differences":
            if video.shape[1] < 2:
                raise UserError("a bag of differences needs two frames, got 1")
            video = video.diff(dim=1)
        frames = F.pad(video.flatten(0, 1), (0, self.patch - 1) * 2, mode="circular")
        answers = self.filters(frames).relu().mean((2, 3))
        return answers.unflatten(0, video.shape[:2]).mean(1)


def build(
    size: Size,
    of: Of = "frames",
    filters: int = 64,
    patch: int = 4,
    stride: int = 2,
    classes: int = 6,
) -> Bag:
    """A bag of patches from a specification; see `Bag`.

    Raises:
        UserError: a patch is larger than a frame of `size`.
    """
    smallest = size if isinstance(size, int) else min(size)
    if patch > smallest:
        raise UserError(f"patches of {patch} pixels do not fit frames of {smallest}")
    return Bag(of, filters, patch, stride, classes)
