"""The night: what comes in, who belongs to whom, what providers pay out, the queue, the proof, the close.

`run` is one night of one school; `nights` runs them all. `intake` reads files, `matching` and `settlement`
explain lines, `findings` lists what is left for the `desk`, `proof` proves a day and `closing` signs it.
"""
