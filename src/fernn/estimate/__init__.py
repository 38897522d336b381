"""What a run will cost, told before it: time, places, disk."""
