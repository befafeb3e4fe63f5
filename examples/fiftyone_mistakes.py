"""Browse what a detector got wrong, in FiftyOne.

pip install fiftyone
python -m data convert my_images coco --to coco
python detect.py coco/images --weights FILE --json found.json --threshold 0.05
python examples/fiftyone_mistakes.py coco found.json

FILE: a detector of these classes in their order, as a training on them gives it.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import fiftyone as fo


def main(folder: str, results: str, split: str = "val") -> None:
    """Open the app, the images with the most false positives first."""
    labels = Path(folder) / "annotations" / f"instances_{split}.json"
    categories = json.loads(labels.read_text("utf-8"))["categories"]
    class_names = {category["id"]: category["name"] for category in categories}
    dataset = fo.Dataset.from_dir(
        dataset_type=fo.types.COCODetectionDataset,
        data_path=f"{folder}/images",
        labels_path=str(labels),
        label_field="truth",
        include_id=False,
    )
    rows = defaultdict(list)
    for row in json.loads(Path(results).read_text("utf-8")):
        rows[row["image_id"]].append(row)
    dataset.compute_metadata()
    for sample in dataset.iter_samples(autosave=True):
        size = (sample.metadata.width, sample.metadata.height)
        sample["found"] = detections(rows[sample.filename], size, class_names)
    dataset.evaluate_detections("found", gt_field="truth", eval_key="eval")
    fo.launch_app(dataset.sort_by("eval_fp", reverse=True)).wait()


def detections(
    rows: list[dict], size_wh: tuple[int, int], class_names: dict[int, str]
) -> fo.Detections:
    """COCO results of one image; FiftyOne counts boxes in 0..1 of its sides.

    class_names: by category id.
    """
    found = []
    for row in rows:
        label, sides = class_names[row["category_id"]], size_wh * 2
        box = [value / side for value, side in zip(row["bbox"], sides, strict=True)]
        options = {"bounding_box": box, "confidence": row["score"]}
        found.append(fo.Detection(label=label, **options))
    return fo.Detections(detections=found)


if __name__ == "__main__":
    main(*sys.argv[1:])
