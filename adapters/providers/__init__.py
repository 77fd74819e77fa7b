"""One module or package per provider: pure functions of bytes."""
