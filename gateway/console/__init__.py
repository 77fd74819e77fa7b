"""The accountant's console: `/console/…`, server-rendered, for the staff of one school at a time.

Every screen is scoped to the school of whoever is signed in; nothing here writes money, it calls the
services that do. A child's name is shown to staff, and never stands in an address or a log.
"""
