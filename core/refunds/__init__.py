"""Refunds: asked for, approved, sent once through a provider or a bank, followed until final, booked."""
