"""What a weights file says of itself, as JSON."""

import json
from dataclasses import dataclass, field

import keras

from base.errors import UserError
from models import Architecture

SUFFIX = ".weights.h5"  # keras.Model.save_weights takes no other name


ATTRIBUTE = "ssd300"  # name of the HDF5 attribute with the description


# ours: a file that asks for more is no detector; LVIS has 1203 classes
MAX_CLASSES, MAX_FILTERS = 10_000, 4096


# ours: kept in each file; whoever trains may write another
LICENCE = "Weights of a training by the user; MIT code, see LICENSE."


@dataclass
class Description:
    """What a weights file says of itself; `class_names` leaves the background out."""

    architecture: Architecture
    class_names: list[str]
    threshold: float = 0.5
    f1: float = 0.0
    training: dict = field(default_factory=dict)
    licence: str = LICENCE

    def check(self) -> None:
        """UserError where the fields don't belong together."""
        names, num_classes = self.class_names, self.architecture.num_classes
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise UserError(f"class_names: expected a list of names, received {names}.")
        if len(names) + 1 != num_classes:
            raise UserError(f"{len(names)} class names for {num_classes} classes.")
        if num_classes > MAX_CLASSES or self.architecture.adapter_filters > MAX_FILTERS:
            raise UserError(f"a network of absurd size: {self.architecture}")
        if not isinstance(self.threshold, float) or not 0 <= self.threshold <= 1:
            raise UserError(f"threshold: expected 0..1, received {self.threshold}.")

    def to_json(self) -> str:
        """The attribute's text."""
        versions = {"keras": keras.version(), "backend": keras.backend.backend()}
        fields = {**vars(self), "architecture": self.architecture.to_dict()}
        return json.dumps({**fields, "versions": versions})

    @classmethod
    def from_json(cls, text: str) -> "Description":
        """The way back; UserError where the text is no description."""
        try:
            fields = dict(json.loads(text))
            fields.pop("versions", None)
            fields["architecture"] = Architecture(**fields["architecture"])
            description = cls(**fields)
            description.check()
            return description
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UserError(f"description not understood: {error}") from error
