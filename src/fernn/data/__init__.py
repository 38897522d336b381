"""Digits and the sequences made from them."""

from typing import Literal

Draw = Literal["sampled", "grid", "flowed"]  # how the velocities of a set are chosen
