"""Refunds: requested, approved, sent once through a provider or a bank, polled until final, booked."""
