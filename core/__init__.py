"""The school's books: what is owed, what was paid, where it stands. No HTTP, no console, no clock of its own."""
