"""Who answers, when, and in which batch. Knows no HTTP."""
