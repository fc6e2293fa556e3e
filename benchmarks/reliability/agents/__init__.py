"""Processes that each carry out one order of load, and what starts, hears and ends them."""
