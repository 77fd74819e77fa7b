"""Money that waits for a person: into suspense, out of it, and what a payment says of itself afterwards."""
