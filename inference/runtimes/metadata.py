"""What an exported file says of itself, as a JSON text inside it."""

import json
from dataclasses import asdict, dataclass

from base.errors import UserError

KEY = "ssd300"  # ours: where formats keep texts by name; as in weights files
FILE_NAME = "ssd300.json"  # ours: where formats keep files
LABELS_NAME = "labels.txt"  # what MediaPipe, Coral and Frigate call it
OUTPUT_LAYOUTS = ("plain", "frigate")  # exporting/graph.py


@dataclass(frozen=True)
class Card:
    """An exported detector's description.

    class_names: output `classes` counts them from 0; there is no background.
    threshold, f1: the score with the best F1 on the validation pictures, and that F1.
    precision: float32, float16 or int8; layout: a name of OUTPUT_LAYOUTS.
    network: the architecture in words. tile_px: side in pixels of what the training
    showed as one picture, None where unknown.
    """

    class_names: list[str]
    threshold: float
    f1: float
    licence: str
    network: str
    precision: str = "float32"
    layout: str = "plain"
    tile_px: int | None = None

    def to_json(self) -> str:
        """The text that the file holds."""
        return json.dumps(asdict(self))

    def labels(self) -> str:
        """labels.txt: a class name in each line, in the order of the numbers."""
        return "".join(f"{name}\n" for name in self.class_names)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """The way back; UserError where the text describes no detector."""
        try:
            card = cls(**json.loads(text))
        except (TypeError, ValueError, RecursionError) as error:
            raise UserError(f"description not understood: {error}") from error
        names, threshold = card.class_names, card.threshold
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise UserError(f"class_names: expected a list of names, received {names}")
        if not isinstance(threshold, float) or not 0 <= threshold <= 1:
            raise UserError(f"threshold: expected 0..1, received {threshold}")
        if card.layout not in OUTPUT_LAYOUTS:
            raise UserError(f"layout: expected {OUTPUT_LAYOUTS}, got {card.layout}")
        return card
