"""What people look at: tables, curves, images and videos with boxes.

The names are imported on use, so that a script starts without matplotlib.
"""

from base import imported_on_use

MODULES = {  # module -> its public names; ours
    "tables": ("class_table", "markdown_table", "text_table"),
    "curves": ("plot_history", "plot_precision_recall"),
    "drawing": (
        *("class_colour", "contact_sheet", "draw_boxes", "draw_detections"),
        *("draw_truth_and_detections", "write_image"),
    ),
    "video": ("VideoFile",),
    "window": ("check_display", "show"),
}
__all__ = [name for names in MODULES.values() for name in names]
__getattr__ = imported_on_use(__name__, MODULES)
