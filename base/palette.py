"""Colours and resolution of all plots."""

DPI = 150  # ours: sharp on a README page
# Okabe & Ito, "Color Universal Design", 2008: told apart by colour-blind readers
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
