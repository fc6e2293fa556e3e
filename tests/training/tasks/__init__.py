"""Tests of how each task is trained."""
