"""What people look at: tables, curves, images and videos with boxes.

The names are imported on use, so that a script starts without matplotlib.
"""

from base import imported_on_use

MODULES = {  # public name -> its module; ours
    "class_table": "tables",
    "markdown_table": "tables",
    "text_table": "tables",
    "plot_history": "curves",
    "plot_precision_recall": "curves",
    "class_colour": "drawing",
    "contact_sheet": "drawing",
    "draw_boxes": "drawing",
    "draw_truth_and_detections": "drawing",
    "draw_detections": "drawing",
    "write_image": "drawing",
    "VideoFile": "video",
    "check_display": "window",
    "show": "window",
}
__all__ = list(MODULES)
__getattr__ = imported_on_use(__name__, MODULES)
