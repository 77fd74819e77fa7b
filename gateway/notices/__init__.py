"""The IPN door: bounded, verified, recorded, acknowledged in the provider's own words."""
