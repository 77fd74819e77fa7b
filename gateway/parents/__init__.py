"""What parents see: the page of an invoice, its QR code, its live status, checkouts and receipts."""
