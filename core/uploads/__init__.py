"""Uploaded files between their upload and their acceptance."""
