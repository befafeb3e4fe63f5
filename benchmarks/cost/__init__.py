"""What reading, scoring, exporting, scaling and safety cost."""
