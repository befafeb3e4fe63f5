"""What the data doctor finds."""

from data import doctor, open_dataset
from ssd_utils import make_priors


def all_findings(root):
    opened = open_dataset(root)
    return doctor.check_dataset(opened, doctor.read_splits(opened), make_priors())
