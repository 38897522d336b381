"""Names of functions that live in modules too heavy to import for a check.

A test compares them with the functions.
"""

CHOICES: dict[str, tuple[str, ...]] = {  # of the option of this name, in any kind
    "activation": ("relu", "tanh"),
    "boundary": ("circular", "zero"),
    "checkpoint": ("none", "segments"),
    "decoder": ("equivariant", "ordinary"),
    "draw": ("flowed", "grid", "sampled"),
    "execution": (
        "auto",
        "comoving",
        "compiled",
        "fused",
        "plain",
        "triton",
        "winograd",
    ),
    "initial": ("random", "symmetric"),
    "mixing": ("full", "lattice", "none"),
    "motion": ("oracle", "still"),
    "pooling": ("max", "mean", "sum"),
    "shifts": ("flow", "learned"),
}
