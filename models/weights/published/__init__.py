"""Weights that others published, read as they are, without their frameworks.

- ssd300s.py: SSD300s of rykov8, pierluigiferrari, torchvision, amdegroot
- keras_legacy.py: Keras 1 and 2 files, backbones' ImageNet weights among them
- yolox.py: YOLOX-nano, Megvii's .pth and the ONNX file made of it
- pth.py: PyTorch's state files, in which nothing runs; class_names.py: VOC's, COCO's
"""
