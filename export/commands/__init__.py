"""The commands that make, measure and ask published models; heavy imports are in their bodies."""
