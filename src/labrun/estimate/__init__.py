"""What a run will take, and what is left of it: time, devices, memory."""
