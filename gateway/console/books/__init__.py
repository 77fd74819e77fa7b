"""Screens of the books: proofs, closes, exports, reports."""
