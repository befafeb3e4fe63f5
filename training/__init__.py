"""How a detector learns: devices and precision, optimiser, engine, run folders."""

# ours: the peak of the rate at batch 8; the rates beside them: docs/training.md
RATES = {"adamw": 1e-3, "sgd": 1e-2}
# ours: auto, and Keras' dtype policies
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
