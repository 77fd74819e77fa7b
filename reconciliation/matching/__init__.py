"""Who belongs to whom: the ladder, the sure pairs by the database, refunds and their debits."""
