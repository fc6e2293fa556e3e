"""`stillhouse compress`: from a teacher and text to a published INT8 student and its report."""
