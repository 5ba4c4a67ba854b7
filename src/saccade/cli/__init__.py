"""One file a verb: parse, call one step, show."""
