"""OpenSTL's published numbers on Moving MNIST."""

from __future__ import annotations

from typing import NamedTuple

SOURCE = (
    "Published: OpenSTL, github.com/chengtan9907/OpenSTL, commit c74deb5, Moving MNIST,"
    " 10 frames to 10: mean squared error summed over a frame, after 200 and after 2000"
    " epochs of 10,000 sequences."
)


class Published(NamedTuple):
    """A model's parameters in millions, if told, and its errors after training."""

    millions: float | None
    after_200: float
    after_2000: float


MOVING_MNIST = {
    "ConvLSTM-S": Published(15.0, 29.80, 22.41),
    "PredNet": Published(None, 161.38, 31.85),
    "PhyDNet": Published(3.1, 28.19, 20.35),
    "PredRNN": Published(23.8, 23.97, 26.43),
    "PredRNN++": Published(38.6, 22.06, 14.07),
    "MIM": Published(38.0, 22.55, 14.73),
    "MAU": Published(4.5, 26.86, 22.25),
    "E3D-LSTM": Published(51.0, 35.97, 24.07),
    "PredRNNv2": Published(23.9, 24.13, 17.26),
    "SimVP-IncepU": Published(58.0, 32.15, 21.15),
    "SimVP-gSTA": Published(46.8, 26.69, 15.05),
    "TAU": Published(44.7, 24.60, 15.69),
}
