"""The collection of detectors: a backbone's name -> its file, a description -> a model.

A backbone's file offers `PREPROCESSING` (a row of models.layers.PREPROCESSING) and
`extractor(images, weights, norm)` -> features (B, n, n, F) with n up to 38. It may
offer `DEFAULT_TRUNK`, `ADAPTER = False` where its features are the 38x38 map itself,
and `IMAGENET`, address and MD5 of its ImageNet weights where keras.applications has
none: that file fills all layers of the built model whose names it knows, those of the
trunk too; None where there are no such weights at all. `APPLICATION` names the whole
classifier for the trunk `native`; models.applications offers the same for any of them.
A detector's backbone and neck offer `stages(images, weights, norm)`, three maps for
`native`, and `published_arrays(path)`, plain weights by layer name from the files of
its authors. `DEPTHWISE` tells that most convolutions are depthwise.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

from base.paper import LAYOUT_NAMES
from base.quiet_keras import import_keras

if TYPE_CHECKING:  # Keras is loaded when a model is built, not to list the names
    import keras

    from detection.detector import PictureDetector
    from models.applications import Application

# ours: --backbone -> module; imported on use, so that listing the names loads no Keras
BACKBONES = {
    "vgg16": "ssd300VGG16_alt",
    "vgg19": "ssd300VGG19_alt",
    "resnet50": "ssd300ResNet50_alt",
    "inceptionv3": "ssd300InceptionV3_alt",
    "small": "ssd300small_alt",
    "ssd300": "ssd300",
    "squeezenet": "ssd300SqueezeNet_alt",
    "yolox_nano": "ssd300YOLOXnano_alt",
}
TRUNKS = ("ssd", "light", "native")  # models/ssd300.py, light.py, native.py
ENDS = ("features", "features_19", "features_10")  # ours: where an extractor ends
NORMS = ("batch", "none")  # models.layers.norm_relu
REUSES = ("extractor", "deep")  # models/reuse.py
BOX_LOSSES = ("smooth_l1", "ciou")  # models/multibox_loss.py


@dataclass(frozen=True)
class Architecture:
    """All that decides a detector's layers; kept in its weights file.

    `num_classes` counts the background. `norm` "batch" normalises every convolution
    that starts from nothing; `pretrained` tells that the extractor does not (its
    convolutions are the plain published ones). `trunk` None is the backbone's default.
    `backbone` is a name of BACKBONES or of a classifier of keras.applications; `width`
    is its `alpha`, where it has one. `reuse` "deep": ImageNet weights fill conv4_1 to
    conv5_3 of the trunk too, so these are not normalised either. `preprocessing` is a
    row of models.layers.PREPROCESSING, None the backbone's own.
    """

    backbone: str
    num_classes: int
    adapter_filters: int = 256
    trunk: str | None = None
    norm: str = "batch"
    layout: str = "voc"
    pretrained: bool = False
    width: float = 1.0
    reuse: str = "extractor"
    preprocessing: str | None = None

    def __post_init__(self) -> None:
        check_backbone(self.backbone)
        if self.trunk is None:
            trunk = getattr(self.module, "DEFAULT_TRUNK", "ssd")
            object.__setattr__(self, "trunk", trunk)
        _check_known("trunk", self.trunk, TRUNKS)
        _check_known("norm", self.norm, NORMS)
        _check_known("layout", self.layout, LAYOUT_NAMES)
        _check_known("reuse", self.reuse, REUSES)
        if self.reuse == "deep" and (self.trunk, self.adapter_filters) != ("ssd", 256):
            raise ValueError("--reuse deep goes with --trunk ssd, 256 adapter filters.")
        if self.layout == "legacy" and self.trunk != "ssd":
            raise ValueError(
                f"--layout legacy goes with --trunk ssd only, not with {self.trunk}: "
                "choose --trunk ssd or --layout voc."
            )
        if self.adapter_filters != 256 and not self.has_adapter:
            raise ValueError(
                f"--adapter-filters {self.adapter_filters}: {self.backbone} has no "
                "adapter; its 38x38 map is used as it is."
            )
        if self.width != 1 and self.backbone in BACKBONES:
            raise ValueError(f"--width {self.width}: {self.backbone} has one width.")
        if self.trunk == "native" and self.staged is None:
            raise ValueError(
                f"--trunk native: {self.backbone} is no classifier of "
                "keras.applications; choose ssd or light."
            )

    @property
    def module(self) -> Any:
        """The backbone's file, or what stands for one."""
        if self.backbone in BACKBONES:
            return import_module(f"models.{BACKBONES[self.backbone]}")
        return self.application

    @property
    def application(self) -> "Application | None":
        """The whole classifier."""
        from models.applications import Application

        if self.backbone not in BACKBONES:
            return Application(self.backbone, self.width)
        name = getattr(self.module, "APPLICATION", None)
        return Application(name) if name else None

    @property
    def is_depthwise(self) -> bool:
        """Whether the extractor has depthwise convolutions."""
        if self.backbone in BACKBONES:
            return getattr(self.module, "DEPTHWISE", False)
        return self.application.is_depthwise

    @property
    def staged(self) -> Any:
        """What offers `stages`, three maps for `native`; None where nothing does."""
        module = self.module
        return module if hasattr(module, "stages") else self.application

    @property
    def has_adapter(self) -> bool:
        """Whether conv4_0 stands between the extractor and the trunk."""
        return getattr(self.module, "ADAPTER", True)

    @property
    def has_imagenet(self) -> bool:
        """Whether ImageNet weights exist for the backbone."""
        return getattr(self.module, "IMAGENET", True) is not None

    @property
    def extractor_norm(self) -> str:
        """Normalisation of the layers that ImageNet weights can fill."""
        return "none" if self.pretrained else self.norm

    def in_words(self) -> str:
        """What a person chose: backbone, trunk, adapter, layout."""
        width = "" if self.width == 1 else f" of width {self.width:g}"
        return (
            f"{self.backbone}{width} with trunk {self.trunk}, adapter of "
            f"{self.adapter_filters} filters, layout {self.layout}"
        )

    def plain(self) -> "Architecture":
        """The same network without normalisation."""
        return replace(self, norm="none")

    def to_dict(self) -> dict:
        """For JSON; `Architecture(**dictionary)` is the way back."""
        return asdict(self)


def check_backbone(name: str) -> None:
    """ValueError where neither this collection nor keras.applications has the name."""
    if name in BACKBONES:
        return
    import_keras()
    from models import applications

    classifiers = applications.names()
    if name not in classifiers:
        spelling = {known.lower(): known for known in [*classifiers, *BACKBONES]}
        close = get_close_matches(name.lower(), spelling, n=1)
        hint = f" Did you mean {spelling[close[0]]}?" if close else ""
        raise ValueError(
            f"--backbone {name} is not known; choose from {', '.join(BACKBONES)}, or a "
            f"classifier of keras.applications, such as MobileNetV3Large.{hint}"
        )


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        close = get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ValueError(
            f"--{what} {name} is not known; choose from {', '.join(known)}.{hint}"
        )


def build(architecture: Architecture, weights: str | None = None) -> "keras.Model":
    """The detector as a keras.Model: images (B, 300, 300, 3) in 0..255 -> predictions.

    Predictions are float32 (B, P, 4 + C): offsets, then class logits. `weights` is
    None, "imagenet" (downloaded once by Keras) or the path of an extractor's file.
    Raises ValueError where the weights can't be had or don't fit.
    """
    import keras

    from models import light, native, ssd300
    from models.layers import Preprocess, set_momentum

    module = architecture.module
    own_file = getattr(module, "IMAGENET", None)
    published = getattr(module, "published_arrays", None)
    is_readable = published and weights != "imagenet"
    if weights is not None and not (architecture.has_imagenet or is_readable):
        raise ValueError(
            f"--weights {weights}: there are none for {architecture.backbone}; "
            f"use --weights none{' or FILE' if published else ''}."
        )
    images = ssd300.images_input()
    preprocessing = architecture.preprocessing or module.PREPROCESSING
    x = Preprocess(preprocessing, name="preprocess")(images)
    stages = _extract(architecture, x, None if own_file or published else weights)
    # the extractor ends here
    stages = [
        keras.layers.Identity(name=name)(stage)
        for name, stage in zip(ENDS, stages, strict=False)
    ]
    filters, norm = architecture.adapter_filters, architecture.norm
    if architecture.trunk == "native":
        is_neck = architecture.staged is module and not architecture.has_adapter
        sources = native.trunk(stages, None if is_neck else filters, norm)
    else:
        (x,) = stages
        if architecture.has_adapter:
            x = ssd300.adapter(x, filters, norm)
        if architecture.trunk == "light":
            fire_norm = architecture.extractor_norm if own_file else norm
            sources = light.trunk(x, norm, fire_norm)
        else:
            block_norm = "none" if architecture.reuse == "deep" else norm
            sources = ssd300.trunk(x, norm, architecture.layout, block_norm)
    predictions = ssd300.heads(sources, architecture.num_classes, architecture.layout)
    model = keras.Model(images, predictions, name=architecture.backbone)
    set_momentum(extractor_layers(model))
    if published and weights is not None:
        from models.weights import fill

        fill(model, published(weights))
    if own_file and weights is not None:
        from models.weights import download, fill_by_name

        path = download(*own_file) if weights == "imagenet" else weights
        is_published = architecture.adapter_filters == light.PUBLISHED_WIDTH
        fill_by_name(model, path, but=() if is_published else ("fire6",))
    return model


def load(
    path: Path | str, threshold: float | None = None, **options: Any
) -> "PictureDetector":
    """The detector in a weights file, to be called on pictures of any size.

    Options and errors are those of `detection.load`, which this hands on to: people
    look for a detector here. Nothing in `models` itself uses that room above it.

    >>> detector = load("best.weights.h5")  # doctest: +SKIP
    >>> found = detector("street.jpg")  # doctest: +SKIP
    >>> found.boxes, found.scores, found.names  # doctest: +SKIP
    """
    import detection

    return detection.load(path, threshold, **options)


def extractor_layers(model: "keras.Model") -> list:
    """The layers of a built detector that belong to its extractor."""
    import keras

    ends = [layer.output for layer in model.layers if layer.name in ENDS]
    return keras.Model(model.input, ends).layers


def _extract(architecture: Architecture, images: Any, weights: str | None) -> list:
    """The maps that the trunk begins with: three for `native`, else one."""
    with explained(weights, architecture.backbone):
        if weights not in (None, "imagenet"):
            from models import hdf5

            hdf5.check(weights)
        norm = architecture.extractor_norm
        if architecture.trunk == "native":
            return architecture.staged.stages(images, weights, norm)
        return [architecture.module.extractor(images, weights, norm)]


@contextmanager
def explained(weights: str | None, backbone: str) -> Iterator[None]:
    """ValueError in place of what Keras raises where weights can't be had or fit."""
    try:
        with catch_warnings(action="ignore"):  # the error says it
            yield
    except Exception as error:  # Keras raises a bare Exception when offline
        if weights is None:
            raise
        from models.weights import in_one_line

        reason = in_one_line(error)
        if weights != "imagenet":
            raise ValueError(
                f"--weights {weights} does not fit {backbone}: {reason}"
            ) from error
        raise ValueError(
            f"--weights imagenet: {reason}. Keras keeps ImageNet weights in "
            "~/.keras/models: go online once, copy the file there, or use --weights "
            "FILE or --weights none."
        ) from error
