"""Which statement line is which payment or refund: the ladder of rules, and the sure pairs by the database."""
