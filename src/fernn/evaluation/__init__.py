"""Evaluation: statistics of each sample, gathered in labelled cubes.

A statistic is a module with ``measure(subject, spec, *, options) -> xr.Dataset`` for
one trained model or baseline; the dimensions ``model`` and ``seed`` are added outside.
Options that are right one by one may be refused together by its function
``objection(*, options)``, which returns the reason in one line, or None. Its
constants ``DRAWS``, ``TASK`` and ``BASELINES = False`` limit what it is measured on;
the mean of its variable ``HEADLINE`` is shown in the tracker, and the table `zoo`
compares models by its ``COMPARED`` (see `fernn.evaluation.headlines`). ``WORK`` and
``STORED`` tell `fernn estimate` what it computes and how many numbers it returns, if
those are not one forecast of every sequence and one number of every frame; ``REPEATED``
names the option of which each entry is measured.
"""
