"""The accountant's queue: exceptions, what may be done about each, and how it is taken back."""
