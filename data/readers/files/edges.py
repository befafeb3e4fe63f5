"""Edges of objects against their image: kept, clipped or left out."""

from data.readers.annotation import EdgesPx, Object

# ours: YOLO's five decimals put a box at the border out of the image by this share
ROUNDING = 2e-5


def valid_edges(item: Object, size_wh: tuple[int, int]) -> tuple[EdgesPx | None, str]:
    """Edges within the image (None: left out) and what is wrong, or ''."""
    if item.edges_px is None:
        return (
            None,
            "a number is missing or not finite, or its outline is broken; left out.",
        )
    left, top, right, bottom = item.edges_px
    width, height = size_wh
    if 0 <= left < right <= width and 0 <= top < bottom <= height:
        return item.edges_px, ""
    numbers = " ".join(f"{x:g}" for x in item.raw_values or item.edges_px)
    if not (left < right and top < bottom):
        return None, f"box {numbers} has swapped corners or no area; left out."
    where = f"of the image of {width}x{height}"
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return None, f"box {numbers} lies outside {where}; left out."
    clipped = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
    tolerance = max(size_wh) * ROUNDING
    if max(abs(a - b) for a, b in zip(clipped, item.edges_px, strict=True)) < tolerance:
        return clipped, ""
    return clipped, f"box {numbers} reaches out {where}; clipped."
