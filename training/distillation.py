"""Another backbone before a trained detection half, without labels.

The 2018 article copied the layers of a trained SSD300 behind a new backbone and
trained only the adapter between them, with labels. Here the truth is what the teacher
itself computes on any images: Romero et al., "FitNets", 2014, sec. 3.1, where one
network learns another's hidden layer.
"""

from collections.abc import Callable, Iterable

import keras
from keras import ops

from base.errors import UserError
from models import backbone_layers
from ssd_utils import Tensor
from training.engine import PARTS, Trainer

NECK_STARTS = ("conv4_1", "pool5")  # first layers of the necks ssd and light
ADAPTER = "conv4_0"
TARGETS = ("hint_layer", "maps", "heads")
EPSILON = 1e-3  # ours: a channel that is silent in a batch must not weigh much


def l2(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance, each channel in units of its own size in the batch."""
    axes = list(range(len(wanted.shape) - 1))
    size = ops.mean(wanted * wanted, axis=axes) + EPSILON  # (F,)
    return ops.mean((found - wanted) ** 2 / size)


def cosine(found: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of the angle between the channels of each cell, in the mean."""
    dot = ops.sum(found * wanted, axis=-1)
    lengths = ops.norm(found, axis=-1) * ops.norm(wanted, axis=-1)
    return 1 - ops.mean(dot / (lengths + EPSILON))


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l2": l2, "cosine": cosine}


def hint_layer(model: keras.Model) -> Tensor:
    """The 38x38 map that the neck begins with; UserError where there is no such."""
    for layer in model.layers:
        if layer.name in NECK_STARTS:
            return layer.input
    raise UserError(f"{model.name}: its neck has no hint_layer, only ssd and light do.")


def check_hints(
    student: keras.Model, teacher: keras.Model, trains_backbone: bool
) -> None:
    """UserError where the student can't learn the teacher's hint layer."""
    wanted, found = hint_layer(teacher).shape[1:], hint_layer(student).shape[1:]
    if found != wanted:
        raise UserError(
            f"--backbone {student.name}: its neck begins with a map of {found}, the "
            f"teacher's with {wanted}; choose another backbone."
        )
    has_adapter = any(layer.name.startswith(ADAPTER) for layer in student.layers)
    if not (trains_backbone or has_adapter):
        raise UserError(
            f"--backbone {student.name}: it has no adapter that could learn; add "
            "--train-backbone."
        )


def targets(model: keras.Model, names: Iterable[str]) -> keras.Model:
    """Images -> what is to be imitated: rows of TARGETS."""
    heads = [layer for layer in model.layers if "_mbox_" in layer.name]
    maps = {id(layer.input): layer.input for layer in heads}
    outputs = {"hint_layer": [hint_layer(model)], "maps": list(maps.values())}
    outputs["heads"] = [layer.output for layer in heads]
    return keras.Model(model.input, [out for name in names for out in outputs[name]])


def learn_only(model: keras.Model, backbone: bool) -> None:
    """The adapter learns, and the backbone if it is to; all else is fixed."""
    inside = {layer.name for layer in backbone_layers(model)}
    for layer in model.layers:
        is_adapter = layer.name.startswith(ADAPTER)
        layer.trainable = is_adapter or (backbone and layer.name in inside)


class DistillationTrainer(Trainer):
    """A Trainer whose truth is what `teacher` makes of the images.

    `student` and `teacher` are models of `targets`; the truth of the batches is not
    looked at, and the parts of the multibox loss stay 0.
    """

    def __init__(
        self, student: keras.Model, teacher: keras.Model, layout: str, distance: str
    ) -> None:
        super().__init__(student, layout)
        teacher.trainable = False
        self.teacher, self.distance = teacher, DISTANCES[distance]

    def parts(
        self, predictions: Tensor, truth: Tensor, images: Tensor
    ) -> dict[str, Tensor]:
        wanted = self.teacher(images, training=False)
        # of a model's outputs a single one comes alone
        found, wanted = (
            [ops.cast(output, "float32") for output in keras.tree.flatten(outputs)]
            for outputs in (predictions, wanted)
        )
        wanted = map(ops.stop_gradient, wanted)
        distances = [self.distance(*pair) for pair in zip(found, wanted, strict=True)]
        return dict.fromkeys(PARTS, 0.0) | {"loss": sum(distances) / len(distances)}
