"""What a weights file holds, read once: ours, a published one, a backbone's own."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import keras

from base.errors import UserError, in_one_line
from models import Architecture, build
from models.weights import hdf5
from models.weights.arrays import Arrays, fill, folded_arrays
from models.weights.metadata import ATTRIBUTE, ModelMetadata
from models.weights.published import keras_legacy, pth, ssd300s, yolox
from models.weights.published.class_names import known_names

LITE_MARK = b"TFL3"  # tensorflow/lite/schema/schema.fbs, file_identifier
# ours: origins that are no other project
TRAINED, BACKBONE, UNNAMED = "train.py", "backbone", "Keras 3"


@dataclass
class WeightsFile:
    """What a weights file holds.

    origin: TRAINED, the project that published the detector, BACKBONE (layers that know
        no classes) or UNNAMED (a backbone's as well, but only Keras knows which array
        belongs where).
    stored: arrays as the file names them: TRAINED by Keras' path of a layer, else plain
        ones by layer name.
    metadata: None for a backbone's file.
    """

    path: str
    origin: str
    stored: Arrays = field(repr=False)
    metadata: ModelMetadata | None = None

    @property
    def architecture(self) -> Architecture | None:
        """The detector's; None for a backbone's file."""
        return self.metadata and self.metadata.architecture

    @property
    def class_names(self) -> list[str]:
        """The detector's; none for a backbone's file."""
        return self.metadata.class_names if self.metadata else []

    def build(self) -> keras.Model:
        """The detector, filled; UserError where the file lacks a part of it."""
        model = build(self.architecture)
        self.fill(model)
        return model

    def fill(self, model: keras.Model) -> None:
        """Fill a model of the same architecture; UserError where it does not fit."""
        try:
            if self.origin == TRAINED:
                _fill_stored(model, self.stored)
            else:
                filled = fill(model, self.stored)
                layers = {layer.name for layer in model.layers if layer.weights}
                if missing := sorted(layers - set(filled)):
                    raise UserError(f"it has no {', '.join(missing)}.")
        except UserError as error:
            raise UserError(f"{self.path}: {error}") from error

    @cached_property
    def trained(self) -> Arrays:
        """By layer name, as they were trained: normalisation apart."""
        if self.origin != TRAINED:
            return self.stored
        return {layer.name: layer.get_weights() for layer in self._model.layers}

    @cached_property
    def folded(self) -> Arrays:
        """By layer name, normalisation folded into the convolutions."""
        return self.stored if self.origin != TRAINED else folded_arrays(self._model)

    @cached_property
    def _model(self) -> keras.Model:
        return self.build()


def read_weights(path: Path | str) -> WeightsFile:
    """What a file holds; UserError where it can't be read or is no weights file.

    A detector of train.py's, a published one, or a backbone's Keras file.
    """
    path = str(path)
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file.")
    keras_legacy.refuse_archive(path)
    _refuse_exported(path)
    if pth.is_pth(path):
        tensors = pth.read_pth(path)
        reader = yolox if yolox.MARKER in tensors else ssd300s
        return _named(WeightsFile(path, *reader.from_state(tensors, path)))
    if yolox.is_onnx(path):
        return _named(WeightsFile(path, *yolox.from_onnx(path)))
    contents = hdf5.read(path)
    root = contents.attributes[""]
    if ATTRIBUTE in root:
        try:
            metadata = ModelMetadata.from_json(root[ATTRIBUTE])
            if metadata.architecture is None:
                raise UserError("description not understood: it names no network")
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        stored = keras_legacy.stored_arrays(contents)
        return WeightsFile(path, TRAINED, stored, metadata)
    if "layer_names" not in root:
        named = keras_legacy.keras3_arrays(contents)
        return WeightsFile(path, BACKBONE if named else UNNAMED, named)
    arrays = keras_legacy.arrays_of(contents)
    if ssd300s.is_detector(arrays):
        return _named(WeightsFile(path, *ssd300s.from_keras(arrays, path)))
    return WeightsFile(path, BACKBONE, arrays)


def _refuse_exported(path: str) -> None:
    with Path(path).open("rb") as file:
        is_lite = file.read(8)[4:] == LITE_MARK
    # protobuf: the length of a key before it
    key = bytes([len(ATTRIBUTE)]) + ATTRIBUTE.encode()
    if is_lite or (yolox.is_onnx(path) and key in Path(path).read_bytes()):
        raise UserError(
            f"{path}: an exported file, which can't be trained; name the weights file "
            "that it was made of."
        )


def _named(file: WeightsFile) -> WeightsFile:
    """With the class names of a published file that is known by its hash."""
    if names := known_names(file.path):
        file.metadata = replace(file.metadata, class_names=names)
    return file


def read_detector(path: Path | str) -> WeightsFile:
    """The same; UserError for a backbone's file."""
    file = read_weights(path)
    if file.metadata is None:
        what = f"{path}: a backbone's file, it knows no classes"
        raise UserError(f"{what}; use it with --weights of train.py.")
    return file


def _fill_stored(model: keras.Model, stored: Arrays) -> None:
    """Give each layer what Keras stored of it; UserError where that does not fit."""
    for name, layer in _stored_layers(model):
        values = stored.get(name, [])
        count = len(layer.weights)
        if len(values) != count:
            reason = f"{layer.name} has {count} arrays, the file {len(values)}."
            raise UserError(f"does not fit {model.name}: {reason}")
        try:
            layer.load_own_variables({str(n): value for n, value in enumerate(values)})
        except ValueError as error:
            reason = f"{layer.name}: {in_one_line(error)}"
            raise UserError(f"does not fit {model.name}: {reason}") from error


def _stored_layers(
    model: keras.Model, prefix: str = ""
) -> Iterator[tuple[str, keras.Layer]]:
    """Keras' path and the layer, for each with weights, of models inside it too.

    keras/src/saving/saving_lib.py, _save_container_state: the class in snake case,
    numbered. tests/models/weights/ notices a Keras that names otherwise.
    """
    numbers: Counter[str] = Counter()
    for layer in model.layers:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        name = f"{prefix}layers/{kind}" + (f"_{numbers[kind]}" if numbers[kind] else "")
        numbers[kind] += 1
        if isinstance(layer, keras.Model):
            yield from _stored_layers(layer, f"{name}/")
        elif layer.weights:
            yield name, layer
