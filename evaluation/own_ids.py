"""Results by the ids of the data set's own COCO JSON, as pycocotools wants them."""

from collections.abc import Mapping, Sequence
from typing import Any

Id = int | float | str


class OwnIds:
    """Ids of images and categories in a data set's JSON.

    image_ids: of the images in their order, None where there is none. categories:
    class indices from 1 by category id.
    """

    def __init__(
        self, image_ids: Sequence[Id | None], categories: Mapping[Id, int]
    ) -> None:
        positions = enumerate(image_ids, start=1)
        self._images = {number: at for at, number in positions if number is not None}
        digits = (i for i in list(self._images) if isinstance(i, str) and i.isdecimal())
        self._images |= {int(i): self._images[i] for i in digits}
        self._categories = dict(categories)

    def translate(self, entries: Sequence[Any]) -> tuple[list[Any], str]:
        """Results by position and class index, and in words what was assumed.

        Ids of the JSON are taken where all results have such; file names stay.
        """
        results = [entry for entry in entries if isinstance(entry, dict)]
        images = _all_among(results, "image_id", self._images)
        classes = images and _all_among(results, "category_id", self._categories)
        of_names = any(isinstance(entry.get("image_id"), str) for entry in results)
        words = "the data's own JSON" if images else "file names"
        words = words if images or of_names else "positions in the split from 1"
        assumed = f"image_id taken as {'ids of ' * images}{words}, category_id as " + (
            "ids of it" if classes else "positions of the classes from 1"
        )
        if not images:
            return list(entries), assumed
        return [self._own(entry, classes) for entry in entries], assumed

    def _own(self, entry: Any, classes: bool) -> Any:
        if not isinstance(entry, dict):
            return entry
        translated = {**entry, "image_id": self._images[entry["image_id"]]}
        if classes:
            translated["category_id"] = self._categories[entry["category_id"]]
        return translated


def _all_among(results: Sequence[dict], key: str, known: Mapping[Id, int]) -> bool:
    try:
        return bool(known) and all(entry.get(key) in known for entry in results)
    except TypeError:  # a list is no id: told with its entry
        return False
