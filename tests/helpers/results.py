"""COCO results of detections."""

from evaluation.results_file import ResultsFile


def write_results(path, detections, sizes_wh, image_ids=None):
    """image_ids: None for positions from 1."""
    results = ResultsFile(path)
    ids = image_ids or range(1, len(sizes_wh) + 1)
    for item in zip(detections, sizes_wh, ids, strict=True):
        results.add(*item)
    results.close()
