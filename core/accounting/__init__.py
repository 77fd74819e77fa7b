"""From the books to the accountant's software: dated charts, vouchers, files in the forms they import."""
