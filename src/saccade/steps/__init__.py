"""The verbs. Each takes paths and parameters and leaves an artifact on disk."""
