"""How a detector learns: devices and precision, optimiser, engine, run folders."""

from pathlib import Path

# ours: the peak of the rate at batch 8; the rates beside them: docs/training.md
RATES = {"adamw": 1e-3, "sgd": 1e-2}
# ours: auto, and Keras' dtype policies
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
# measured: docs/results.md; the demo's fit into five minutes on two cores
EPOCHS, DEMO_EPOCHS = 60, 11
TILE_PX = 300  # ours: a tile's pixels are those of the network's input
DEMO = Path("data/sets/shapes")  # ours: not in git
RUNS = Path("runs")  # ours: where runs go that nobody names a folder for
