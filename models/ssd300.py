"""SSD300: the ordinary extractor, and the trunk `ssd` and heads that all models share.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325,
fig. 2 and sec. 3.1; VGG16 from conv1_1 to pool3 with `same` pooling: 38x38x256.
"""

from keras import Input, Model, applications, layers

from models.layers import Conv, L2Norm, Mean, Pool, norm_relu, stack
from ssd_utils import IMAGE_SIZE, LAYOUTS, MAP_SIZES, Tensor

APPLICATION = "VGG16"
PREPROCESSING = "caffe"
ADAPTER = False

EXTRACTOR = (  # Simonyan & Zisserman 2014, table 1, column D
    *(Conv("conv1_1", 64, 3), Conv("conv1_2", 64, 3), Pool("pool1", 2, 2)),
    *(Conv("conv2_1", 128, 3), Conv("conv2_2", 128, 3), Pool("pool2", 2, 2)),
    *(Conv("conv3_1", 256, 3), Conv("conv3_2", 256, 3), Conv("conv3_3", 256, 3)),
    Pool("pool3", 2, 2),
)
SOURCES = ("conv4_3", "fc7", "conv6_2", "conv7_2", "conv8_2")  # the paper, fig. 2
BLOCKS = (  # the paper, fig. 2: VGG16's own, with another pool5
    *(Conv(f"conv4_{number}", 512, 3) for number in (1, 2, 3)),
    Pool("pool4", 2, 2),
    *(Conv(f"conv5_{number}", 512, 3) for number in (1, 2, 3)),
    Pool("pool5", 3, 1),
)
EXTRAS = (  # the paper, fig. 2; weiliu89/caffe ssd_pascal.py, AddExtraLayers
    Conv("fc6", 1024, 3, dilation=6),
    Conv("fc7", 1024, 1),
    Conv("conv6_1", 256, 1),
    Conv("conv6_2", 512, 3, strides=2),
    Conv("conv7_1", 128, 1),
    Conv("conv7_2", 256, 3, strides=2, padding="one"),
    Conv("conv8_1", 128, 1),
)
PAPER_TAIL = (
    Conv("conv8_2", 256, 3, padding="valid"),
    Conv("conv9_1", 128, 1),
    Conv("conv9_2", 256, 3, padding="valid"),
)
TAILS = {
    "voc": PAPER_TAIL,
    "voc_clipped": PAPER_TAIL,
    "coco": PAPER_TAIL,
    # rykov8/ssd_keras ssd.py, after the first version of the paper
    "legacy": (Conv("conv8_2", 256, 3, strides=2), Mean("pool6")),
}


def extractor(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 38, 38, 256) of preprocessed images; ImageNet's are VGG16's."""
    features = stack(EXTRACTOR, images, norm)["pool3"]
    if weights is not None:
        vgg16 = applications.VGG16(
            include_top=False, weights=weights, input_shape=(IMAGE_SIZE, IMAGE_SIZE, 3)
        )
        model = Model(images, features)
        for block, number in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]:
            published = vgg16.get_layer(f"block{block}_conv{number}")
            model.get_layer(f"conv{block}_{number}").set_weights(
                published.get_weights()
            )
    return features


def adapter(
    features: Tensor,
    filters: int,
    norm: str,
    name: str = "conv4_0",
    size: int = MAP_SIZES[0],
) -> Tensor:
    """Features (B, n, n, F) brought to (B, size, size, filters).

    The 2018 article's transposed convolution; its kernel is size - n + 1.
    """
    x = layers.Conv2DTranspose(
        filters,
        size - features.shape[1] + 1,
        use_bias=norm == "none",
        kernel_initializer="he_normal",
        name=name,
    )(features)
    return norm_relu(x, name, norm)


def trunk(
    features: Tensor, norm: str, layout: str, block_norm: str
) -> dict[str, Tensor]:
    """The six maps that the heads look at, by name, from features (B, 38, 38, F).

    `block_norm` is the normalisation of conv4_1 to conv5_3, "none" where ImageNet
    weights fill them.
    """
    maps = stack(BLOCKS, features, block_norm)
    maps |= stack(EXTRAS + TAILS[layout], maps["pool5"], norm)
    sources = {name: maps[name] for name in (*SOURCES, TAILS[layout][-1].name)}
    return {
        "conv4_3_norm": L2Norm(name="conv4_3_norm")(sources.pop("conv4_3")),
        **sources,
    }


def heads(sources: dict[str, Tensor], num_classes: int, layout: str) -> Tensor:
    """Raw predictions (B, P, 4 + C) in float32 from the six maps, by name.

    One 3x3 convolution for the offsets and one for the class logits of each map; on a
    mean over the map 3x3 would only see padding, so there it is 1x1.
    """
    offsets, logits = [], []
    counts = LAYOUTS[layout].priors_per_cell
    for (name, features), count in zip(sources.items(), counts, strict=True):
        kernel = 1 if name == "pool6" else 3
        for part, size, parts in (("loc", 4, offsets), ("conf", num_classes, logits)):
            x = layers.Conv2D(
                count * size, kernel, padding="same", name=f"{name}_mbox_{part}"
            )(features)
            parts.append(layers.Reshape((-1, size), name=f"{name}_{part}")(x))
    offsets = layers.Concatenate(axis=1, name="mbox_loc")(offsets)  # (B, P, 4)
    logits = layers.Concatenate(axis=1, name="mbox_conf")(logits)  # (B, P, C)
    return layers.Concatenate(axis=2, name="predictions", dtype="float32")(
        [offsets, logits]
    )


def images_input() -> Tensor:
    """The input of every model: RGB pictures (B, 300, 300, 3) in 0..255."""
    return Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images", dtype="uint8")
