"""Measurements of this software; `registry` lists them."""
