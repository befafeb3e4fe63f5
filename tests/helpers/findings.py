"""What the data doctor finds."""

from data import doctor, open_dataset


def all_findings(root):
    opened = open_dataset(root)
    return doctor.check_dataset(opened, doctor.read_splits(opened), "voc")
