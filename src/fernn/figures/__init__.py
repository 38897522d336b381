"""Figures, one module each: `draw(cubes)`, its docstring is the caption."""
