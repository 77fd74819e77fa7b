"""`hocphi demo`: an invented school, a month of fees, a day of payments, a night, a page to look at.

`world` makes the school through the same services as everybody, `plan` decides what the day brings,
`day` lives through it over HTTP against the sandbox bank and VNPAY, `books` holds both sides' books
against each other, `show` puts it together. Nothing here is used outside the demo.
"""
