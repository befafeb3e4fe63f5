"""The classes that published detectors know, in the order of their logits."""

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

# one thing, two names: VOC's -> COCO's
SYNONYMS = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def same_class(name: str) -> str:
    """A name that all names of one class share.

    >>> same_class("sofa"), same_class("couch"), same_class("cat")
    ('couch', 'couch', 'cat')
    """
    return SYNONYMS.get(name, name)
