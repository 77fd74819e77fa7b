"""The one way in for money facts: whatever says "account A received V" is recorded here, once."""
