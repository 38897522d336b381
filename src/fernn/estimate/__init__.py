"""What a plan asks of a machine: its jobs, their operations, and its disk."""
