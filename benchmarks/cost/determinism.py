"""Hash of all weights after 50 steps of a real detector: run it twice.

    python -m benchmarks.cost.determinism [--strict]

squeezenet with neck light on the drawn set, batch 2, from scratch. --strict asks
TensorFlow for deterministic kernels (tf.config.experimental.enable_op_determinism).
"""

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

STEPS, BATCH_SIZE, RATE = 50, 2, 1e-3


def main() -> None:
    """Train, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true")
    args = parser.parse_args()
    from base.keras_setup import import_keras

    keras = import_keras()
    if args.strict:
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    import numpy as np

    from benchmarks.shapes.dataset import draw_shapes
    from data import Batches, read_dataset
    from models import Architecture, build
    from training.engine import Trainer
    from training.optimiser import make_optimiser

    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(draw_shapes(Path(folder) / "shapes", 30), "train")
        model = build(Architecture("squeezenet", len(dataset.class_names) + 1))
        optimiser = make_optimiser("adamw", model.trainable_variables)
        trainer = Trainer(model, "voc").compile_for(optimiser)
        batches = Batches(dataset, BATCH_SIZE)
        started = time.perf_counter()
        for step in range(STEPS):
            epoch, at = divmod(step, batches.steps_per_epoch)
            trainer.step(*batches.batch(epoch, at), RATE)
    weights = b"".join(np.asarray(v).tobytes() for v in model.variables)
    seconds = (time.perf_counter() - started) / STEPS
    digest = hashlib.sha256(weights).hexdigest()[:16]
    print(f"{STEPS} steps, {seconds:.2f} s each: {digest}")


if __name__ == "__main__":
    main()
