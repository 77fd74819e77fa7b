"""What no noun owns: database, money, clock, references, sealing, text, locks."""
