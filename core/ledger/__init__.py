"""The books: postings as pure values, written once, never changed. A correction is a reversal."""
