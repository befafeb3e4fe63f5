"""Many trainings, one change at a time, into one table: python -m this folder."""
