"""How good and how fast a detector is: VOC and COCO figures, threshold, speed."""

from base import imported_on_use

MODULES = {  # module -> its public names; ours
    "average_precision": (
        *("ClassCurve", "Matched", "average_precision_07", "average_precision_area"),
        *("curves_of", "evaluate_voc", "match_detections", "mean_ap"),
    ),
    "coco": ("evaluate_coco", "read_predictions", "to_coco"),
    "own_ids": ("OwnIds",),
    "results_file": ("ResultsFile",),
    "speed": ("measure_fps", "race"),
    "threshold": ("at_threshold", "best_threshold"),
}
__all__ = [name for names in MODULES.values() for name in names]
__getattr__ = imported_on_use(__name__, MODULES)
