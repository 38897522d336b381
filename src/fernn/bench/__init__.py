"""Measurements of the package itself; one module each, found by file name.

A module's docstring is its section of the report, the first line its title. It offers
``measure(quick: bool) -> Iterator[Row]``; `quick` makes everything small, to see that
it runs. One whose numbers a figure shows offers ``cube(quick) -> xr.Dataset``, too; in
config.yaml that is the cube ``bench/<its name>``. One on a GPU has a ``DEVICE``,
and is left out where there is none.
"""
