"""Faults, injected for real; after each the same command ends as if there were none."""
