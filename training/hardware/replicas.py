"""One training on several devices or machines, each with its share of every batch.

An update is the one that a single device would make of the whole batch: the loss is
divided by all its positives and gradients are averaged. Normalisation sees the whole
batch too, but for PyTorch, where each process sees its own share; docs/scaling.md.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from base.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf
    import torch

    from training.engine import Trainer
Step = Callable[[np.ndarray, np.ndarray], dict]  # images, truth -> parts of the loss

LOST = "Another worker of this training is gone or can't be reached."


class Replicas:
    """One device, and what several have in common.

    devices: over all machines. count: how many of them compute a loss of their own.
    worker, workers: this process among all; the first one writes the run's files.
    accumulates: whether an update can be made of several batches.
    """

    devices = count = workers = 1
    worker = 0
    accumulates = True

    def scope(self) -> AbstractContextManager:
        """Inside, models and optimisers are made for these devices."""
        return nullcontext()

    def step(self, trainer: "Trainer") -> Step:
        """What updates `trainer` by a batch, this worker's share of it."""
        return partial(trainer.train_on_batch, return_dict=True)

    def sum_over_workers(self, value: float) -> float:
        """The sum of the workers' values."""
        return value

    def describe(self) -> str:
        """In words, for the end of a training's first line; nothing for one device."""
        text = f" · {self.devices} devices" if self.devices > 1 else ""
        return text + (f" of {self.workers} workers" if self.workers > 1 else "")

    def check(
        self, batch_size: int | str, accumulate: int, minutes: float | None
    ) -> None:
        """UserError where such a training can't be shared; as the options of train.py.

        The policy of precision is looked at too.
        """
        if self.devices == 1:
            return
        if not isinstance(batch_size, int):
            raise UserError(f"--batch-size {batch_size} is for one device only.")
        if rest := batch_size % self.devices:
            raise UserError(
                f"--batch-size {batch_size} can't be shared by {self.devices} devices; "
                f"take {batch_size - rest + self.devices}."
            )
        # each clock would end its worker at another step
        if self.workers > 1 and minutes:
            raise UserError("--minutes: several workers take --epochs.")


class Sharded(Replicas):
    """JAX's devices of one machine: its compiler divides each batch by itself."""

    def __init__(self, devices: list[str]) -> None:
        self.devices = len(devices)
        distribution = keras.distribution.DataParallel(devices=devices)
        keras.distribution.set_distribution(distribution)


class Mirrored(Replicas):
    """TensorFlow's devices of one machine or several, by tf.distribute."""

    # Keras 3.15 puts it into a branch, inside which tf.distribute can't exchange
    accumulates = False

    def __init__(
        self, strategy: "tf.distribute.Strategy", worker: int = 0, workers: int = 1
    ) -> None:
        self.strategy, self.worker, self.workers = strategy, worker, workers
        self.devices = self.count = strategy.num_replicas_in_sync

    def check(
        self, batch_size: int | str, accumulate: int, minutes: float | None
    ) -> None:
        super().check(batch_size, accumulate, minutes)
        if accumulate > 1:
            raise UserError(
                "--accumulate: several devices of TensorFlow can't; take a larger "
                "--batch-size, which they share, or KERAS_BACKEND=jax."
            )
        # the scaling of its loss is such a branch too
        if keras.config.dtype_policy().name == "mixed_float16":
            raise UserError(
                "--precision mixed_float16: several devices of TensorFlow can't; take "
                "float32, mixed_bfloat16 or KERAS_BACKEND=jax."
            )

    def scope(self) -> AbstractContextManager:
        return self.strategy.scope()

    def step(self, trainer: "Trainer") -> Step:
        import tensorflow as tf

        for layer in trainer.detector.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True

        def learn(images: tf.Tensor, truth: tf.Tensor) -> dict:
            with tf.GradientTape() as tape:
                parts = trainer.parts(trainer(images, training=True), truth, images)
                loss = trainer.optimizer.scale_loss(parts["loss"])
            variables = trainer.trainable_weights
            gradients = tape.gradient(loss, variables)
            all_reduce = tf.distribute.get_replica_context().all_reduce
            trainer.optimizer.apply(all_reduce("MEAN", gradients), variables)
            return parts

        @tf.function(autograph=False)
        def step(images: tf.Tensor, truth: tf.Tensor) -> dict:
            parts = self.strategy.run(learn, args=(images, truth))
            mean = partial(self.strategy.reduce, "MEAN", axis=None)
            return {name: mean(part) for name, part in parts.items()}

        def together(images: np.ndarray, truth: np.ndarray) -> dict:
            with self._others_there():
                return step(self._divided(images), self._divided(truth))

        return together

    def sum_over_workers(self, value: float) -> float:
        if self.workers == 1:
            return value
        here = self.count // self.workers
        values = self._divided(np.full(here, value / here, np.float32))
        with self._others_there():
            return float(self.strategy.reduce("SUM", values, axis=0))

    @contextmanager
    def _others_there(self) -> Iterator[None]:
        """ConnectionError where another worker is lost."""
        import tensorflow as tf

        names = ("UnavailableError", "AbortedError", "InternalError")
        try:
            yield
        except tuple(getattr(tf.errors, name) for name in names) as error:
            if self.workers == 1:
                raise
            raise ConnectionError(LOST) from error

    def _divided(self, array: np.ndarray) -> Any:
        """Each device's part of this worker's share."""
        import tensorflow as tf

        here = self.count // self.workers
        parts = np.split(array, here)
        return self.strategy.experimental_distribute_values_from_function(
            lambda at: tf.constant(parts[at.replica_id_in_sync_group % here])
        )


class Processes(Replicas):
    """PyTorch: a process for each device, as torchrun starts them."""

    def __init__(self) -> None:
        import torch
        from torch import distributed

        has_gpu = torch.cuda.is_available()
        if has_gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if has_gpu else "gloo")
        self.worker = distributed.get_rank()
        self.devices = self.count = self.workers = distributed.get_world_size()

    def step(self, trainer: "Trainer") -> Step:
        import torch

        fixed = trainer.detector.non_trainable_variables
        statistics = [v for v in fixed if keras.backend.is_float_dtype(v.dtype)]

        def step(images: np.ndarray, truth: np.ndarray) -> dict:
            trainer.zero_grad()
            parts = trainer.parts(trainer(images, training=True), truth, images)
            trainer.optimizer.scale_loss(parts["loss"]).backward()
            variables = trainer.trainable_weights
            with torch.no_grad():
                gradients = self._means([v.value.grad for v in variables])
                trainer.optimizer.apply(gradients, variables)
                # each process normalised by its own share; all keep the mean of that
                means = self._means([variable.value for variable in statistics])
                for variable, mean in zip(statistics, means, strict=True):
                    variable.assign(mean)
                return dict(zip(parts, self._means(list(parts.values())), strict=True))

        return step

    def sum_over_workers(self, value: float) -> float:
        import torch

        (mean,) = self._means([torch.tensor(value)])
        return float(mean) * self.count

    def _means(self, tensors: "Sequence[torch.Tensor]") -> "list[torch.Tensor]":
        """Of each over the processes, in one exchange."""
        import torch
        from torch import distributed

        if not tensors:
            return []
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        try:
            distributed.all_reduce(flat)
        except RuntimeError as error:
            raise ConnectionError(LOST) from error
        pieces = (flat / self.count).split([tensor.numel() for tensor in tensors])
        return [p.view_as(t) for p, t in zip(pieces, tensors, strict=True)]
