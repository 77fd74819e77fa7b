"""The nights of all schools: which are due, the queue that runs them on any number of workers, how each stands.

One night of one school is `reconciliation.jobs.night.reconcile`; here stands only when, where and how often it is
called. A night may be begun twice and killed anywhere: it is one transaction, and the same again is nothing.
"""
