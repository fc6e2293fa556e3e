"""How this project's own figures are made. Not installed: `python -m benchmarks` in a checkout.

Speaks to services over HTTP and starts them by their commands; of ours it imports `loadtest`.
"""
