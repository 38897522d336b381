"""fernn."""
