"""The head: the Snakemake process that runs a budget; one at a time, and replaceable.

A head that is killed leaves its lease, its locks and its Slurm jobs. The next one finds
it dead, clears what it left, and goes on.
"""
