"""Snakemake's executor for Slurm, made patient and prompt.

The workflow puts it in the place of the plugin's own, whose options it keeps. What it
adds: it waits for a controller that is away, refuses jobs that their partition would
never start, and ends within seconds when it is told to.
"""
