"""The load generator: its own processes under Locust, and what starts them."""
