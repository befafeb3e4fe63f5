"""How a detector learns: train.py's options, devices, optimiser, engine, run folders.

The defaults that other scripts share stand here, without Keras.
"""

from pathlib import Path

# ours: the peak of the rate at batch 8; the rates beside them: docs/results/options.md
RATES = {"adamw": 1e-3, "sgd": 1e-2}
# ours: where the neck yolox brings a trained detector, a factor of the rate and the
# backbone's share of it, by whether it knows a class of the data by its name;
# docs/results/default_detector.md
FINE_TUNING = {True: (1.0, 0.1), False: (2.0, 0.3)}
# ours: auto, and Keras' dtype policies
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
# ours: 292 images gain next to nothing after 45, docs/training.md; the demo's fit
# into three minutes on two cores
EPOCHS, DEMO_EPOCHS = 60, 14
TILE_PX = 300  # ours: a tile's pixels are those of the network's input
# 160 photographs of blood cells from BCCD, whose licence lies beside them
DEMO = Path(__file__).resolve().parents[1] / "examples/blood_cells"
RUNS = Path("runs")  # ours: where runs go that nobody names a folder for
