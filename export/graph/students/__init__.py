"""The graphs of students that are built node by node."""
