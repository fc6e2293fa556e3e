"""A language model elsewhere, behind an OpenAI-compatible API, as who labels."""
