"""Names of functions that live in modules too heavy to import for a check.

A test compares them with the functions.
"""

ROLLOUTS = ("free", "repeat", "shifted", "warped")
SCHEDULES = ("constant", "one_cycle")
