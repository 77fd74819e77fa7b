"""What a person must look at, by typed reason: the only code that writes `exception` and `exception_note`."""
