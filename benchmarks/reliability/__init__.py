"""Reliability, shown: a soak, faults under load, and fuzzing, of a service that runs for it."""
