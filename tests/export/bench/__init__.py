"""Tests of export/bench."""
