"""Bank accounts, merchant accounts with providers, their credentials, and the one way to call a provider."""
