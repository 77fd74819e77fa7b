"""A notice from its arrival to its commit: deduplicate, allocate, write, each counted exactly once."""
