"""What `make` runs beside the product: set-up and checks. Nothing of the product imports it."""
