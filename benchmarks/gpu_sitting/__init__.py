"""What one GPU can show in a sitting of minutes; see `__main__`."""
