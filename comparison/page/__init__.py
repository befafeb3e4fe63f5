"""report.html: page.py fills page.html and tables.html, after images.py, confusion.py.

table.py writes the same figures for terminals, CSV and Markdown.
"""
