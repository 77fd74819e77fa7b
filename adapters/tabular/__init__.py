"""The one reader of .xlsx, .xls, .csv and pasted text: workbooks, cells, headers, columns."""
