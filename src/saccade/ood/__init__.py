"""Out-of-distribution scores and their thresholds."""
