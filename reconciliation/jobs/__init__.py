"""The reconciliation of a school's days as jobs: what is due, the queue, what runs it, how far it is."""
