"""A day that a person closed: what the record vouches for, its chain, and what stays as it was."""
