"""The preprocessing specification and its one call into saccade_native."""
