"""The service: HTTP, pages and commands over the books."""
