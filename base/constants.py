"""The paper's numbers that images and detections need as well as networks do; colours.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325.
A file of their own, without Keras: an exported detector runs where there is none.
"""

IMAGE_SIZE = 300  # pixels; the paper's SSD300
MIN_SCORE = 0.01  # sec. 2.2: detections under it are not scored
NMS_IOU = 0.45  # sec. 2.2: jaccard overlap of 0.45 per class
TOP_K = 200  # sec. 2.2: detections kept per image

# of all plots
DPI = 150  # ours: sharp on a README page
# Okabe & Ito, "Color Universal Design", 2008: told apart by colour-blind readers
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
