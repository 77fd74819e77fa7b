"""Closing a day: what the signed record covers, the chain of records, and the results of closed days."""
