"""What the National Public Service Portal adds: services paid by a file code, and its e-receipts."""
