"""What was measured: kept, compared, and told."""
