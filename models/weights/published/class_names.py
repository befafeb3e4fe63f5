"""The classes that published detectors know, in the order of their logits.

Their files hold no names: a file is known by its hash, never by how many classes it
has.
"""

import hashlib
from pathlib import Path

# PASCAL VOC 2007 development kit, sec. 3: in the order of the alphabet
VOC = (
    "aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, "
    "dog, horse, motorbike, person, pottedplant, sheep, sofa, train, tvmonitor"
)
# cocodataset.org, instances_train2017.json: by category id, "-" for ids without one
COCO_BY_ID = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, "
    "traffic light, fire hydrant, -, stop sign, parking meter, bench, bird, cat, "
    "dog, horse, sheep, cow, elephant, bear, zebra, giraffe, -, backpack, umbrella, "
    "-, -, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, "
    "baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, -, "
    "wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, "
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, "
    "-, dining table, -, -, toilet, -, tv, laptop, mouse, remote, keyboard, "
    "cell phone, microwave, oven, toaster, sink, refrigerator, -, book, clock, vase, "
    "scissors, teddy bear, hair drier, toothbrush"
)
COCO = COCO_BY_ID.replace("-, ", "")

# SHA-256 -> names; ours. ssd300_mAP_77.43_v2.pth: the Git LFS pointer of the copy in
# yuniktmr/Pytorch-OpenCV-Object-Detection-using-SSD-Convoluted-Neural-Net
VOC_SSD300 = "3d147eb48c8f3771101e12ff14d8105b935d2e4e08fa471e2ee5a2426c20d61e"
# ssd300_vgg16_coco-b556d3b4.pth: begins as the hash in its name, which torch.hub checks
COCO_SSD300 = "b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d"
# yolox_nano.onnx of Megvii's release 0.1.1rc0, as in
# Kazuhito00/YOLOX-ONNX-TFLite-Sample
COCO_YOLOX = "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14"
BY_SHA256 = {VOC_SSD300: VOC, COCO_SSD300: COCO_BY_ID, COCO_YOLOX: COCO}

# one thing, two names: VOC's -> COCO's
SYNONYMS = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def numbered(num_classes: int) -> list[str]:
    """Names where nothing tells them; num_classes counts the background.

    >>> numbered(3)
    ['class 1', 'class 2']
    """
    return [f"class {number}" for number in range(1, num_classes)]


def known_names(path: Path | str) -> list[str] | None:
    """Those of a published file; None where its hash is not known."""
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return list_of(BY_SHA256[digest]) if digest in BY_SHA256 else None


def list_of(names: str) -> list[str]:
    """The names of one of the texts above; ids without a class are numbered.

    >>> list_of("cat, -, dog")
    ['cat', 'unused 2', 'dog']
    """
    numbered = enumerate(names.split(", "), 1)
    return [f"unused {n}" if name == "-" else name for n, name in numbered]


def same_class(name: str) -> str:
    """A name that all names of one class share.

    >>> same_class("sofa"), same_class("couch"), same_class("cat")
    ('couch', 'couch', 'cat')
    """
    return SYNONYMS.get(name, name)
