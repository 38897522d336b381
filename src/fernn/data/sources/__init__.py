"""Where digits come from; one module a kind, each with ``fetch(**options) -> atlas``.

An atlas is a data set with ``image`` (digit, row, column), uint8, whose full ink is
``image.attrs["scale"]``, and the coordinates ``label`` and ``split`` (train, val or
test) along ``digit``. The order of its digits is fixed.
"""
