"""Which version answers a name: what there is, what is in memory, and how that changes."""
