"""Good requests: their texts, their dialects, and the answers that they must get."""
