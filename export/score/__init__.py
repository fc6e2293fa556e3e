"""Large files of texts scored by a published model or a cascade, on all cores, to a new file."""
