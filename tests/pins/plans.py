"""Record the plans of all budgets anew."""

import pins
from test_pins import BUDGETS, plan

if __name__ == "__main__":
    pins.record("plans", {name: pins.parts_of_plan(plan(name)) for name in BUDGETS})
