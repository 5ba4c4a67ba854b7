"""Sources, quality, split, balance and the dataset bundle."""
