"""How the answers of each task are told, in the dialects that serve models of all tasks."""
