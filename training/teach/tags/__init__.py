"""What a tagger learns from: tokens with their labels, and what teachers say of each."""
