"""A chain of models: fitted, with a bound on what it loses."""
