"""A notice from the door to its commit: deduplicate, allocate, write, each counted exactly once."""
