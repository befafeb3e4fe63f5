"""report.html: page.py puts it together from markup.py, images.py, confusion.py.

table.py writes the same figures for terminals, CSV and Markdown.
"""
