"""The configuration: read with positions, checked whole, resolved to a plan."""
