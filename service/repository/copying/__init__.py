"""Versions and whole repositories, copied into a store and out of it: `push` and `pull`."""
