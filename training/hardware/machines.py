"""Which devices and machines a training has: by --devices and the environment."""

import json
import os

import keras

from base.errors import UserError
from training.hardware.replicas import Mirrored, Processes, Replicas, Sharded


def find_replicas(wanted: str | None) -> Replicas:
    """Those of `--devices` and the environment; before anything is computed.

    wanted: None (one device), "all" or a number. Several machines, and PyTorch's
    processes, are described by the environment: TF_CONFIG of TensorFlow, what torchrun
    sets. UserError where there are fewer, or the engine can't.
    """
    finder = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return finder[keras.backend.backend()](wanted)


def _tensorflow(wanted: str | None) -> Replicas:
    import tensorflow as tf

    text = os.environ.get("TF_CONFIG")
    if text and (cluster := _cluster(text))[1] > 1:
        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.OpError as error:  # such as a port that is taken
            raise UserError(f"TF_CONFIG: {error.message}.") from error
        here = strategy.num_replicas_in_sync // cluster[1]
        if wanted not in (None, "all", str(here)):
            raise UserError(
                f"--devices {wanted}: with TF_CONFIG all {here} of this machine take "
                "part; CUDA_VISIBLE_DEVICES hides some."
            )
        return Mirrored(strategy, *cluster)
    if wanted is None:
        return Replicas()
    gpus = tf.config.list_logical_devices("GPU")
    found = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    chosen = _choose(wanted, found)
    if len(chosen) == 1:
        return Replicas()
    return Mirrored(tf.distribute.MirroredStrategy(chosen))


def _cluster(text: str) -> tuple[int, int]:
    """This worker and how many there are, by TF_CONFIG."""
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        if task["type"] != "worker" or set(config["cluster"]) != {"worker"}:
            raise UserError("expected workers only")
        return int(task["index"]), len(workers)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'TF_CONFIG: {error}; expected {{"cluster": {{"worker": ["HOST:PORT", '
            '...]}, "task": {"type": "worker", "index": 0}}.'
        ) from error


def _jax(wanted: str | None) -> Replicas:
    if wanted is None:
        return Replicas()
    chosen = _choose(wanted, keras.distribution.list_devices())
    return Replicas() if len(chosen) == 1 else Sharded(chosen)


def _torch(wanted: str | None) -> Replicas:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # torchrun's
        return Processes()
    if wanted not in (None, "1"):
        raise UserError(
            f"--devices {wanted}: PyTorch takes a process for each device; start it as "
            "torchrun --nproc-per-node N train.py ..."
        )
    return Replicas()


def _choose(wanted: str, found: list[str]) -> list[str]:
    number = len(found) if wanted == "all" else int(wanted)
    if number > len(found):
        raise UserError(
            f"--devices {number}: there are {len(found)} ({', '.join(found)})."
        )
    return found[:number]
