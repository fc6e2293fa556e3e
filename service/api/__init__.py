"""HTTP: thin adapters between the wire and `service.predictor`."""
