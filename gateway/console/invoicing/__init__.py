"""Screens from the roster to the issued invoice."""
