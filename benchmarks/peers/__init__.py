"""The same model behind other servers, and which is faster: environments, runs, a table."""
