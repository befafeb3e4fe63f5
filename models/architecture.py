"""All that decides a detector's layers, and the names that it can be asked for by."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module

from base.errors import UserError, did_you_mean
from base.keras_setup import import_keras
from base.priors import LAYOUTS

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
NECKS = ("ssd", "light", "native", "yolox")  # files of models/necks
STAGED = ("native", "yolox")  # those that begin with three maps
NORMS = ("batch", "none")  # models.layers.norm_relu
REUSES = ("backbone", "deep")  # models/weights/vgg_blocks.py
KNOWN = {"neck": NECKS, "norm": NORMS, "layout": LAYOUTS, "reuse": REUSES}


@dataclass(frozen=True)
class Backbone:
    """What a backbone's file defines as BACKBONE.

    preprocessing: a row of models.layers.PREPROCESSING.
    features: (images, weights, norm) -> features (B, n, n, F) of preprocessed images, n
        up to 38.
    stages: the same, three maps for the necks of STAGED; None: those of `application`.
    application: the whole classifier of keras.applications; Keras fills it.
    imagenet: address and MD5 of its ImageNet weights, where Keras has none.
    neck: the default one. has_adapter: whether conv4_0 stands between the two.
    is_depthwise: whether most convolutions are depthwise.
    fixed: layers that never learn where their weights are published ones.
    """

    preprocessing: str
    features: Callable
    stages: Callable | None = None
    application: str | None = None
    imagenet: tuple[str, str] | None = None
    neck: str = "ssd"
    has_adapter: bool = True
    is_depthwise: bool = False
    fixed: tuple[str, ...] = ()

    @property
    def has_imagenet(self) -> bool:
        """Whether ImageNet weights exist for it."""
        return bool(self.application or self.imagenet)


@dataclass(frozen=True)
class Architecture:
    """All that decides a detector's layers; kept in its weights file.

    `num_classes` counts the background. `norm` "batch" normalises every convolution
    that starts from nothing; `pretrained` tells that the backbone does not (its
    convolutions are the plain published ones). `neck` None is the backbone's default,
    `layout` None the neck's: yolox for yolox, else voc.
    `backbone` is a name of BACKBONES or of a classifier of keras.applications; `width`
    is its `alpha`, where it has one. `reuse` "deep": ImageNet weights fill conv4_1 to
    conv5_3 of the neck too, so these are not normalised either. `preprocessing` is a
    row of models.layers.PREPROCESSING, None the backbone's own.
    """

    backbone: str
    num_classes: int
    adapter_filters: int = 256
    neck: str | None = None
    norm: str = "batch"
    layout: str | None = None
    pretrained: bool = False
    width: float = 1.0
    reuse: str = "backbone"
    preprocessing: str | None = None

    def __post_init__(self) -> None:
        check_backbone(self.backbone)
        if self.neck is None:
            object.__setattr__(self, "neck", self.definition.neck)
        if self.layout is None:
            layout = "yolox" if self.neck == "yolox" else "voc"
            object.__setattr__(self, "layout", layout)
        for what, known in KNOWN.items():
            _check_known(what, getattr(self, what), known)
        if self.reuse == "deep" and (self.neck, self.adapter_filters) != ("ssd", 256):
            raise UserError("--reuse deep goes with --neck ssd, 256 adapter filters.")
        if self.layout == "legacy" and self.neck != "ssd":
            raise UserError(
                f"--priors legacy goes with --neck ssd only, not with {self.neck}: "
                "choose --neck ssd or --priors voc."
            )
        if (self.layout == "yolox") != (self.neck == "yolox"):
            raise UserError(
                "--priors yolox and --neck yolox belong together, received "
                f"{self.layout} and {self.neck}."
            )
        if self.neck == "yolox" and self.backbone != "yolox_nano":
            raise UserError(
                f"--neck yolox: it goes with yolox_nano only, not {self.backbone}."
            )
        if self.adapter_filters != 256 and not self.definition.has_adapter:
            raise UserError(
                f"--adapter-filters {self.adapter_filters}: {self.backbone} has no "
                "adapter; its 38x38 map is used as it is."
            )
        if self.width != 1 and self.backbone in BACKBONES:
            raise UserError(f"--alpha {self.width}: {self.backbone} has one width.")
        if self.neck in STAGED and self.stages is None:
            raise UserError(
                f"--neck {self.neck}: {self.backbone} is no classifier of "
                "keras.applications; choose ssd or light."
            )

    @property
    def definition(self) -> Backbone:
        """What the backbone's file defines, or what stands for one."""
        if self.backbone in BACKBONES:
            return import_module(f"models.{BACKBONES[self.backbone]}").BACKBONE
        from models import keras_applications

        return keras_applications.backbone(self.backbone, self.width)

    @property
    def stages(self) -> Callable | None:
        """`Backbone.stages`, those of a classifier too; None where nothing has any."""
        own, classifier = self.definition.stages, self.definition.application
        if own or not classifier:
            return own
        from models import keras_applications

        return partial(keras_applications.stages, classifier, self.width)

    @property
    def is_depthwise(self) -> bool:
        """Whether the backbone has depthwise convolutions."""
        if self.backbone in BACKBONES:
            return self.definition.is_depthwise
        from models import keras_applications

        return keras_applications.is_depthwise(self.backbone, self.width)

    @property
    def backbone_norm(self) -> str:
        """Normalisation of the layers that ImageNet weights can fill."""
        return "none" if self.pretrained else self.norm

    def in_words(self) -> str:
        """What a person chose: backbone, neck, adapter, layout."""
        width = "" if self.width == 1 else f" of width {self.width:g}"
        return (
            f"{self.backbone}{width} with neck {self.neck}, adapter of "
            f"{self.adapter_filters} filters, layout {self.layout}"
        )

    def without_batchnorm(self) -> "Architecture":
        """The same network without normalisation."""
        return replace(self, norm="none")

    def to_dict(self) -> dict:
        """For JSON; `Architecture(**dictionary)` is the way back."""
        return asdict(self)


def check_backbone(name: str) -> None:
    """UserError where neither this collection nor keras.applications has the name."""
    if name in BACKBONES:
        return
    import_keras()
    from models import keras_applications

    classifiers = keras_applications.names()
    if name not in classifiers:
        raise UserError(
            f"--backbone {name} is not known; choose from {', '.join(BACKBONES)}, or a "
            f"classifier of keras.applications, such as MobileNetV3Large."
            f"{did_you_mean(name, [*classifiers, *BACKBONES])}"
        )


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise UserError(
            f"--{what} {name} is not known; choose from {', '.join(known)}."
            f"{did_you_mean(name, known)}"
        )
