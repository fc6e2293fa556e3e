"""The promise on data sets of others: one teacher and one `stillhouse compress` for each."""
