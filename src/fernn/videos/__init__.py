"""Videos made of recipes: what every kind of data is built from."""

from fernn.videos.base import DigitVideos, Videos, pairs, pool_of
from fernn.videos.draws import Numbers, Rows, draw_recipe, given, per_digit
from fernn.videos.recipes import Labelled, Sequences, open_sequences, synthesize

__all__ = [
    "DigitVideos",
    "Labelled",
    "Numbers",
    "Rows",
    "Sequences",
    "Videos",
    "draw_recipe",
    "given",
    "open_sequences",
    "pairs",
    "per_digit",
    "pool_of",
    "synthesize",
]
