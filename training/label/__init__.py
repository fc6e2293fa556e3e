"""Any causal language model as a teacher: what it would answer of each text, as soft labels."""
