"""What models come to on texts: how good, how fast, how large, and what more text would gain."""
