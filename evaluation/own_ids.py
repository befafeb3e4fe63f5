"""Results by the ids of the data set's own COCO JSON, as pycocotools wants them."""

from collections.abc import Mapping, Sequence
from typing import Any

from base.errors import UserError
from base.ids import Id, in_both_forms, texts_by_number


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
        self._categories = dict(categories)

    def translate(
        self, entries: Sequence[Any], stems: Mapping[str, Sequence[int]] | None = None
    ) -> tuple[list[Any], str]:
        """Results by position and class index, and in words what was assumed.

        Ids of the JSON are taken where all results have such, as numbers or as texts;
        file names stay. stems: positions from 0 by file name and by stem.

        Raises UserError where an id means two images or two categories.
        """
        results = [entry for entry in entries if isinstance(entry, dict)]
        images, reason = _find_all(results, "image_id", self._images)
        classes = None
        if images:
            self._check_stems(results, images, stems or {})
            classes, reason = _find_all(results, "category_id", self._categories)
        of_names = any(isinstance(entry.get("image_id"), str) for entry in results)
        words = "file names" if of_names else "positions in the split from 1"
        words = "ids of the data's own JSON" if images else words
        assumed = f"image_id taken as {words}, category_id as " + (
            "ids of it" if classes else f"positions of the classes from 1{reason}"
        )
        tables = {"image_id": images or {}, "category_id": classes or {}}
        return [_translated(entry, tables) for entry in entries], assumed

    def _check_stems(
        self,
        results: Sequence[dict],
        images: Mapping[Id, int],
        stems: Mapping[str, Sequence[int]],
    ) -> None:
        # "11" for the id 11, beside a file 11.jpg of another image
        texts = {entry["image_id"] for entry in results} - self._images.keys()
        if not all(isinstance(text, str) and text in stems for text in texts):
            return
        for text in sorted(texts):
            if list(stems[text]) != [images[text] - 1]:
                raise UserError(
                    f"image_id {text!r:.80} is the name of one image and, as a number, "
                    "the id of another in the data's own JSON. Expected numbers, or "
                    "file names with their endings."
                )


def _find_all(
    results: Sequence[dict], key: str, by_id: Mapping[Id, int]
) -> tuple[dict[Id, int] | None, str]:
    # by_id in both forms; None where a result has another id, and which
    if not by_id:
        return None, ""
    known = in_both_forms(by_id)
    for value in (entry.get(key) for entry in results):
        is_id = isinstance(value, Id) and not isinstance(value, bool)
        if is_id and value in known:
            continue
        texts = sorted(texts_by_number(by_id).get(value, ())) if is_id else []
        if texts:
            raise UserError(
                f"{key} {value!r:.80} can be {texts[0]!r:.80} or {texts[1]!r:.80} of "
                "the data's own JSON. Expected the text."
            )
        return None, f", for {value!r:.80} is no {key} of the data's own JSON"
    return known, ""


def _translated(entry: Any, tables: Mapping[str, Mapping[Id, int]]) -> Any:
    if not isinstance(entry, dict):
        return entry
    return entry | {key: ids[entry[key]] for key, ids in tables.items() if ids}
