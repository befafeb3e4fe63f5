"""Data sets by name: named.py fetches them, unpack.py opens their archives."""
