"""One model version in memory: texts in, answers out."""
