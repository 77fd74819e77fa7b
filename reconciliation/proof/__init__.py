"""The proof of a day: its figures, and the arithmetic that closes it to the đồng."""
