"""What a detector's file says of itself, as JSON; without Keras."""

import json
from dataclasses import asdict, dataclass, field

from base.errors import UserError
from base.renamed import current_fields
from models.architecture import Architecture

SUFFIX = ".weights.h5"  # keras.Model.save_weights takes no other name
ATTRIBUTE = "ssd300"  # where files keep the JSON: an HDF5 attribute, a text by name
FILE_NAME = "ssd300.json"  # ours: where formats keep files
LABELS_NAME = "labels.txt"  # what MediaPipe, Coral and Frigate call it
# ours: a file that asks for more is no detector; LVIS has 1203 classes
MAX_CLASSES, MAX_FILTERS = 10_000, 4096
# ours: kept in each file; whoever trains may write another
LICENCE = "Weights of a training by the user; MIT code, see LICENSE."
OUTPUT_FORMATS = ("plain", "frigate")  # exporting/graph.py


@dataclass(frozen=True)
class ModelMetadata:
    """What a weights file, or one that export.py made of it, says of itself.

    architecture: None in an exported file, where `network` has it in words.
    class_names: without the background; class 1 is the first.
    threshold, f1: the score with the best F1 on the validation images, and that F1.
    training: how it was trained; tile_px: side in pixels of what the training showed as
        one image, None where unknown.
    precision: float32, float16 or int8, of an exported file; output_format: a name of
        OUTPUT_FORMATS.
    """

    architecture: Architecture | None
    class_names: list[str]
    threshold: float = 0.5
    f1: float = 0.0
    training: dict = field(default_factory=dict)
    licence: str = LICENCE
    network: str = ""
    precision: str = "float32"
    output_format: str = "plain"

    def __post_init__(self) -> None:
        names, architecture = self.class_names, self.architecture
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise UserError(f"class_names: expected a list of names, received {names}.")
        if not isinstance(self.threshold, float) or not 0 <= self.threshold <= 1:
            raise UserError(f"threshold: expected 0..1, received {self.threshold}.")
        if self.output_format not in OUTPUT_FORMATS:
            raise UserError(
                f"output format: expected {OUTPUT_FORMATS}, got {self.output_format}."
            )
        if architecture and len(names) + 1 != architecture.num_classes:
            raise UserError(
                f"{len(names)} class names for {architecture.num_classes} classes."
            )
        if architecture and (
            architecture.num_classes > MAX_CLASSES
            or architecture.adapter_filters > MAX_FILTERS
        ):
            raise UserError(f"a network of absurd size: {architecture}.")

    @property
    def tile_px(self) -> int | None:
        """What any file may say; None where it is no side of a tile."""
        side = self.training.get("tile_px")
        return side if type(side) is int and side > 0 else None

    def to_json(self, **versions: str) -> str:
        """The file's text; `versions` are of what wrote it."""
        fields = {k: v for k, v in asdict(self).items() if v is not None}
        return json.dumps({**fields, "versions": versions} if versions else fields)

    def labels(self) -> str:
        """labels.txt: a class name in each line, in the order of the numbers."""
        return "".join(f"{name}\n" for name in self.class_names)

    @classmethod
    def from_json(cls, text: str) -> "ModelMetadata":
        """The way back; UserError where the text describes no detector."""
        try:
            fields = dict(json.loads(text))
            fields.pop("versions", None)
            if "layout" in fields:  # exported files before 2026-12
                fields["output_format"] = fields.pop("layout")
                fields["training"] = {"tile_px": fields.pop("tile_px", None)}
            architecture = fields.pop("architecture", None)
            return cls(
                architecture and Architecture(**current_fields(architecture)), **fields
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise UserError(f"description not understood: {error}") from error
