"""The linear baseline: words and n-grams counted, and scikit-learn's classifiers fitted to them."""
