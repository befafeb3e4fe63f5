"""What is wrong with a data set, before hours are spent on it: `python -m data FOLDER`.

- checks.py: which checks there are; findings.py: what they say, as a table
- boxes.py, images.py, voc.py: the checks, by what they look at
- plot.py: sizes and aspect ratios of boxes against the priors
"""

from data.doctor.checks import all_boxes, check_annotations, check_dataset, read_splits

__all__ = ["all_boxes", "check_annotations", "check_dataset", "read_splits"]
