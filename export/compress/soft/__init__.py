"""A file of soft labels in a teacher's place: what it says, and what is read beside it."""
