"""From one detector into another: layer by layer name, and class by class name.

What does not fit is left as it is and told: nothing is dropped in silence.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from base.errors import UserError
from models import Architecture, build
from models.layers import NORM_SUFFIX
from models.weights.arrays import identity_batchnorm
from models.weights.metadata import ModelMetadata
from models.weights.published.class_names import same_class
from models.weights.read import UNNAMED, WeightsFile

# ours: the mean over all classes' logits lies so far under that of an object's own.
# Raccoons, before the first step: mAP50 0 without it, 0.75 with 4 and with 6
OBJECT_SHIFT = 5.0
LOGITS = "_mbox_conf"  # the paper's Caffe names: heads that know classes


@dataclass(frozen=True)
class Row:
    """What becomes of a layer: `outcome` is TAKEN, PARTLY, DIFFERS or ABSENT."""

    layer: str
    outcome: str
    detail: str = ""


TAKEN, PARTLY, DIFFERS, ABSENT = "taken", "taken in part", "shape differs", "absent"


def transfer(
    model: keras.Model,
    class_names: Sequence[str],
    source: WeightsFile,
    but: Collection[str] = (),
    try_only: bool = False,
) -> list[Row]:
    """Fill every layer whose name and shape fit; a row for each layer with weights.

    Heads for other classes take over the background and the classes that both know by
    name, VOC's or COCO's (models.class_names); the others start afresh. Layers named in
    `but` are left out; `try_only` leaves the whole model alone. UserError where
    nothing at all fits, unless it only tries.
    """
    if source.origin == UNNAMED:
        raise UserError(
            f"{source.path}: Keras wrote no names of layers; save it with Keras 3.5 or "
            "later."
        )
    weighty = (layer for layer in model.layers if layer.weights)
    layers = {layer.name: layer for layer in weighty if layer.name not in but}
    rows = []
    for name, layer in layers.items():
        if name.endswith(NORM_SUFFIX):  # goes with its convolution
            continue
        norm = layers.get(f"{name}{NORM_SUFFIX}")
        if name not in source.folded and name not in source.trained:
            rows.append(Row(name, ABSENT))
        elif name.endswith(LOGITS) and list(class_names) != source.class_names:
            rows.append(_fill_classes(layer, class_names, source, try_only))
        else:
            rows.append(_fill_layer(layer, norm, source, try_only))
    if not try_only and all(row.outcome in (DIFFERS, ABSENT) for row in rows):
        raise UserError(
            f"{source.path}: none of its layers fits {model.name}; "
            f"python -m models.weights {source.path} tells what they fit, and --neck "
            "may differ."
        )
    return rows


def table(rows: Sequence[Row]) -> str:
    """How many layers were taken; what became of each other one."""
    left = [row for row in rows if row.outcome != TAKEN]
    lines = [f"{len(rows) - len(left)} of {len(rows)} layers taken"]
    lines += [f"  {row.layer:24}{row.outcome:16}{row.detail}".rstrip() for row in left]
    return "\n".join(lines)


def _fill_layer(
    layer: keras.Layer, norm: keras.Layer | None, source: WeightsFile, try_only: bool
) -> Row:
    targets = [layer] if norm is None else [layer, norm]
    names = [target.name for target in targets]
    has_norm = f"{layer.name}{NORM_SUFFIX}" in source.trained
    if has_norm == (norm is not None):  # the same form: exactly as it was trained
        values = [source.trained[name] for name in names]
    elif norm is None:
        values = [source.folded[layer.name]]
    else:
        values = identity_batchnorm(source.folded[layer.name], norm.epsilon)
    expected = [tuple(w.shape) for target in targets for w in target.weights]
    received = [value.shape for group in values for value in group]
    if expected != received:
        there = received[0] if received else "no weights"
        return Row(layer.name, DIFFERS, f"{there} there, {expected[0]} here")
    if not try_only:
        for target, group in zip(targets, values, strict=True):
            target.set_weights(group)
    return Row(layer.name, TAKEN, str(expected[0]))


def _fill_classes(
    layer: keras.Layer, class_names: Sequence[str], source: WeightsFile, try_only: bool
) -> Row:
    """Background and common classes of each prior.

    The rest stays as it is, or begins as the mean of all classes where the source has
    the neck `yolox`: a part of each of its logits is objectness, whatever the class.
    """
    # "": background
    theirs = ["", *(same_class(name) for name in source.class_names)]
    ours = ["", *(same_class(name) for name in class_names)]
    put_to = [at for at, name in enumerate(ours) if name in theirs]
    taken_from = [theirs.index(ours[at]) for at in put_to]
    new, old = [], source.folded[layer.name]
    has_objectness = source.architecture and source.architecture.neck == "yolox"
    for weight, value in zip(layer.weights, old, strict=True):
        mine = keras.ops.convert_to_numpy(weight)
        mine = mine.reshape(*mine.shape[:-1], -1, len(ours))  # (..., priors, C)
        value = value.reshape(*value.shape[:-1], -1, len(theirs))
        if mine.shape[:-1] != value.shape[:-1]:
            shapes = f"{old[0].shape} there, {tuple(layer.kernel.shape)} here"
            return Row(layer.name, DIFFERS, shapes)
        mine = mine.copy()
        if has_objectness:
            shift = OBJECT_SHIFT if weight is layer.bias else 0.0
            mine[..., 1:] = value[..., 1:].mean(axis=-1, keepdims=True) + shift
        mine[..., put_to] = value[..., taken_from]
        new.append(mine.reshape(weight.shape))
    if not try_only:
        layer.set_weights(new)
    afresh = [name for name in class_names if same_class(name) not in theirs]
    if not afresh:
        return Row(layer.name, TAKEN, f"{len(put_to)} of {len(theirs)} classes")
    some = ", ".join(afresh[:3]) + (", ..." if len(afresh) > 3 else "")
    how = "as any object" if has_objectness else "afresh"
    return Row(layer.name, PARTLY, f"{len(put_to)} classes; {how}: {some}")


def keep_classes(
    source: WeightsFile, class_names: Sequence[str]
) -> tuple[keras.Model, ModelMetadata]:
    """A smaller detector: its logits are those of the named classes and background.

    source: a detector's file. UserError where it knows no class of a name, or lacks
    layers.
    """
    path = source.path
    known = {same_class(name) for name in source.class_names}
    if unknown := [name for name in class_names if same_class(name) not in known]:
        raise UserError(
            f"{path}: knows no {', '.join(unknown)}; its classes are "
            f"{', '.join(source.class_names)}."
        )
    architecture = replace(source.architecture, num_classes=len(class_names) + 1)
    model = build(architecture)
    rows = transfer(model, class_names, source)
    if left := [f"{row.layer} ({row.outcome})" for row in rows if row.outcome != TAKEN]:
        raise UserError(f"{path}: not a whole detector: {', '.join(left)}.")
    metadata = replace(
        source.metadata,  # its licence and threshold hold here too
        f1=0.0,
        architecture=architecture,
        class_names=list(class_names),
        training={"from": Path(path).name, "tile_px": source.metadata.tile_px},
    )
    return model, metadata


def which_fit(
    source: WeightsFile, backbones: Sequence[str]
) -> list[tuple[str, int, int]]:
    """For each backbone: its name, layers that the source fills, layers in all."""
    fits, options, num_classes = [], {}, 2
    if theirs := source.architecture:
        num_classes = theirs.num_classes
        options = {"neck": theirs.neck, "norm": theirs.norm}
        options |= {"layout": "legacy"} if theirs.layout == "legacy" else {}
    for backbone in backbones:
        try:
            architecture = Architecture(backbone, num_classes, **options)
        except UserError:  # no such neck for this backbone
            continue
        rows = transfer(build(architecture), source.class_names, source, try_only=True)
        fits.append((backbone, sum(r.outcome == TAKEN for r in rows), len(rows)))
    return fits
