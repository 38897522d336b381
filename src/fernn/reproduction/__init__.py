"""What figures and tables of the paper say in numbers, beside the published ones.

A module has the name of the figure or table whose numbers it tells. It offers
``numbers(cubes) -> Iterator[Number]`` and, where the paper has numbers, ``PUBLISHED``,
their models' labels, each with its value, and ``QUANTITY``, what these are.
"""
