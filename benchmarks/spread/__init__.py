"""How `score --ray` grows with cores: measured here, and what that lets expect of more."""
