"""Files that come in: statements, notifications, and what a school says of its own files' columns."""
