"""train.py with a detector that is built at once, on as many devices as DEVICES says.

DEVICES=2 NORM=none python tests/helpers/shared_training.py --data D --devices 2 ...
"""

import os
import sys
import time

DEVICES = int(os.environ.get("DEVICES", "1"))
NORM = os.environ.get("NORM", "none")


def make_devices():
    """Several on one processor; before Keras is imported."""
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={DEVICES}"
    import keras

    if keras.backend.backend() == "tensorflow" and DEVICES > 1:
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * DEVICES,
        )


def detector(num_classes):
    """Every weight decides about every prior."""
    import keras

    from models.necks.heads import images_input
    from ssd_utils import make_priors

    images = images_input()
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(4, 9, strides=16, use_bias=NORM == "none", name="conv1")(x)
    if NORM == "batch":
        x = keras.layers.BatchNormalization(name="conv1_batchnorm")(x)
    x = keras.layers.Identity(name="features")(keras.layers.ReLU()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4 + num_classes, name="heads")(x)
    return keras.Model(images, keras.layers.RepeatVector(len(make_priors()))(x))


def load_model(_args, class_names):
    """In place of training.prepare's."""
    from models import Architecture

    architecture = Architecture("squeezenet", len(class_names) + 1)
    return detector(architecture.num_classes), architecture, "MIT"


def load_skeleton(architecture, _frozen):
    """In place of training.prepare's."""
    return detector(architecture.num_classes)


if __name__ == "__main__":
    make_devices()
    import train
    from training import prepare
    from training.engine import Trainer
    from training.recovery import checkpoint_writer

    prepare.load_model, prepare.load_skeleton = load_model, load_skeleton
    train.report = lambda *_: None
    if os.environ.get("EACH_STEP"):  # a checkpoint after each step, and time to kill
        checkpoint_writer.CHECKPOINT_SECONDS, checkpoint_writer.CHECKPOINT_SHARE = (
            0,
            1e9,
        )
        step = Trainer.step
        Trainer.step = lambda *arguments: time.sleep(0.3) or step(*arguments)
    sys.exit(train.main())
