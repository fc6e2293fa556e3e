"""Which texts are for what, and which give others away."""
