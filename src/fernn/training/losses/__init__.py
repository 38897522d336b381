"""Losses: what training minimises, given what a network says and what is true.

A loss is a module with ``loss(output, target, *, options)``: the mean over the samples,
so that a batch may be cut in pieces. Each task names its own as ``LOSS``.
"""
