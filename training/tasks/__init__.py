"""How each task is trained; what is the same for all is in `run`."""
