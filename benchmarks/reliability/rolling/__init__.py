"""A rolling update as Kubernetes does it, behind a real nginx, under load."""
