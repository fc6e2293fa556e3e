"""The TOML files that say how a model is trained."""
