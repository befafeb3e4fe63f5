"""From every format to every other, `python -m data convert IN OUT --to FORMAT`.

convert.py: the command; writers.py: one writer for each format.
"""
