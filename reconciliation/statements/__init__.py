"""Bank files: statements and notifications, and the column names of files that no known layout reads."""
