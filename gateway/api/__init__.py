"""`/api/v1`: what a school's own software may read and do, a module per noun."""
