"""Optimiser and schedule of the learning rate."""

import keras

WARMUP_STEPS = 60  # ours: under two epochs of 292 pictures; docs/results.md
WEIGHT_DECAY = 1e-4  # ours: docs/results.md was trained with it
CLIP_NORM = 10.0  # ours: caps the first steps' gradients, seldom reached later
# scales and shifts are not decayed: He et al., "Bag of Tricks", 2018, sec. 3.1
NOT_DECAYED = ["bias", "gamma", "beta"]


def make_optimiser(learning_rate: float, steps: int) -> keras.optimizers.Optimizer:
    """AdamW that warms up to `learning_rate` and falls to 0 by a cosine over `steps`.

    Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2017.
    """
    warmup = min(WARMUP_STEPS, max(steps // 10, 1))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / warmup,
        decay_steps=max(steps - warmup, 1),
        warmup_target=learning_rate,
        warmup_steps=warmup,
    )
    optimiser = keras.optimizers.AdamW(
        schedule, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM
    )
    optimiser.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimiser
