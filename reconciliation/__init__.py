"""The reconciliation of a school's days and the close of its books.

`statements` and `settlements` read files, `matching` finds the payment of each line and lists what is left,
`proof` proves a day, `closing` signs it, `review` is the accountant's queue, and `jobs` runs the days.
"""
