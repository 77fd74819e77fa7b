"""What providers settle in batches: their files, the payouts that the bank shows, terms, and what differs."""
