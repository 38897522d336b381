"""What a person sees of a run: a logger for Snakemake.

A terminal shows a live display, a log gets a line for each job that starts or ends.
What is no news of a job is shown in Snakemake's own words, and so is a dry run.
Snakemake imports this package at every start, so it imports nothing heavy.
"""
