"""Which backbone: trainings under one budget, scored on the same images.

- plan.py: which combinations, each with its command and folder
- duration_estimate.py: what can't be trained, and about how long the rest takes
- processes.py: each training as a process of its own
- runs.py: finished runs, and the list of them
- exports.py: exported files that stand beside them
- networks.py: the detections and the speed of both
- scores.py: what detections are worth; intervals.py: how far chance reaches
- entries.py: a line of the table: a combination with all its seeds
- verdict.py: which to take; page/: report.html, terminal, CSV, Markdown

Only duration_estimate.py and networks.py load Keras.
"""
