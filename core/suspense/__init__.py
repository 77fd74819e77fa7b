"""Money that waits for a person: into suspense, out of it, and what a payment's row keeps of it."""
