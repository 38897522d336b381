"""Measurements of this software; `registry` lists them."""

import fernn as fernn  # declares the project whose commit is recorded
