"""Files and sets of the hub as rows: texts, and labels as they are written there."""
