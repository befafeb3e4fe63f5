"""What benchmarks/peers does the slow way comes to what ours does."""

import numpy as np
import pytest
from keras import ops

from benchmarks.cost.scoring import draw
from benchmarks.peers.assign_boxes import assign_boxes
from benchmarks.peers.ssd_augmentation import ssd_augmentation
from benchmarks.peers.voc_eval import voc_eval
from benchmarks.speed.training.matching import draw_truth, match_and_encode
from evaluation import evaluate_voc
from ssd_utils import centers_to_corners, make_priors


@pytest.mark.parametrize("seed", range(4))
def test_matching_equals_assign_boxes_where_objects_lie_apart(seed):
    """One object in each quarter: no two want the same prior, so both rules agree."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((1, 4, 5), np.float32)
    sides = rng.uniform(0.02, 0.45, (4, 2))
    low = np.array([(0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5)]) + 0.02
    truth[0, :, :4] = np.concatenate([low, low + sides], axis=1)
    truth[0, :, 4] = rng.integers(1, 4, 4)
    priors = make_priors()
    corners = ops.convert_to_numpy(centers_to_corners(priors)).astype(float)
    boxes = np.concatenate(
        [truth[0, :, :4], np.eye(3)[truth[0, :, 4].astype(int) - 1]], 1
    )
    theirs = assign_boxes(boxes, corners, num_classes=4)
    offsets, class_ids, positives = (
        ops.convert_to_numpy(array)[0] for array in match_and_encode(truth, priors)
    )
    np.testing.assert_array_equal(positives, theirs[:, -8] == 1)
    assert positives.sum() >= 4
    np.testing.assert_allclose(offsets[positives], theirs[positives, :4], atol=1e-3)
    np.testing.assert_array_equal(
        class_ids[positives], theirs[positives, 4:8].argmax(axis=1)
    )


def test_assign_boxes_of_no_boxes_is_background():
    priors = np.array([[0.0, 0.0, 0.5, 0.5]])
    assigned = assign_boxes(np.zeros((0, 7)), priors, num_classes=4)
    assert assigned.shape == (1, 16) and assigned[0].nonzero()[0].tolist() == [4]


@pytest.mark.parametrize("num_truth", [0, 3])
def test_average_precision_equals_the_loop_per_class(num_truth):
    data = draw(40, 30, 4, num_truth)
    curves = evaluate_voc(*data, ["a", "b", "c", "d"])
    slow = [voc_eval(*data, class_id) for class_id in range(1, 5)]
    np.testing.assert_allclose([curve.ap_area for curve in curves], slow, atol=1e-9)
    assert 0 < np.mean(slow) < 1


def test_ssd_augmentation_keeps_its_boxes_in_the_image():
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    truth = draw_truth(1, 5)[0]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        out, boxes, labels = ssd_augmentation(image, truth[:, :4], truth[:, 4], rng, 32)
        assert out.shape == (32, 32, 3) and out.dtype == np.float32
        assert 1 <= len(boxes) == len(labels) <= 5
        assert boxes.min() >= -1e-6 and boxes.max() <= 1 + 1e-6
        assert (boxes[:, 2:] > boxes[:, :2]).all()
