"""How good and how fast a detector is: VOC and COCO figures, threshold, speed."""

from evaluation.average_precision import (
    ClassCurve,
    Matched,
    average_precision_07,
    average_precision_area,
    curves_of,
    evaluate_voc,
    match_detections,
    mean_ap,
)
from evaluation.coco import (
    evaluate_coco,
    read_predictions,
    to_coco,
)
from evaluation.own_ids import OwnIds
from evaluation.results_file import ResultsFile
from evaluation.speed import measure_fps, race
from evaluation.threshold import at_threshold, best_threshold

__all__ = [
    "ClassCurve",
    "Matched",
    "OwnIds",
    "ResultsFile",
    "at_threshold",
    "average_precision_07",
    "average_precision_area",
    "best_threshold",
    "curves_of",
    "evaluate_coco",
    "evaluate_voc",
    "match_detections",
    "mean_ap",
    "measure_fps",
    "race",
    "read_predictions",
    "to_coco",
]
