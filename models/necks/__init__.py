"""From a backbone's features to the six maps of SSD300, and from these to predictions.

- ssd.py: the paper's neck; light.py: SqueezeNet's second half; native.py: the
  classifier's own later stages
- heads.py: the input, the adapter and the heads that all necks share
"""
