"""Ways of INT8 that a model is not published in, made to be compared with the one that it is."""
