"""The files that a training without a network is packed into."""

import argparse

import numpy as np

from benchmarks import gpu_training
from data import read_dataset
from tests.helpers.voc_files import write_voc

PART_MIB = 0.1


def test_what_is_packed_comes_out_at_the_networks_size(tmp_path, monkeypatch):
    objects = [("cat", (11, 21, 60, 80)), ("dog", (1, 1, 100, 50), 1)]
    images = {f"{i:02}": objects for i in range(30)}
    write_voc(tmp_path / "voc", images, {"trainval": list(images)}, (200, 100))
    start = tmp_path / "vgg.h5"
    start.write_bytes(b"weights")
    parts, output = tmp_path / "parts", tmp_path / "out"
    args = argparse.Namespace(
        parts=parts,
        output=output,
        data=[str(tmp_path / "voc")],
        split="trainval",
        images=None,
        weights=start,
        wheels=[],
        part_mib=PART_MIB,
        options=["--epochs", "1"],
    )
    for name in ("packing", "training"):
        (tmp_path / name).mkdir()
    gpu_training.pack(args, tmp_path / "packing")
    sizes = [path.stat().st_size for path in sorted(parts.iterdir())]
    assert len(sizes) > 1 and max(sizes) <= PART_MIB * 2**20

    called = []

    def call(environment, script, *arguments):
        """train.py and python -m models.weights, by what they leave."""
        called.append((script, *map(str, arguments)))
        if script == "train.py":
            data, weights, run = arguments[1], arguments[3], arguments[5]
            assert weights.read_bytes() == b"weights"
            for split, count in (("train", 28), ("val", 2)):
                dataset = read_dataset([str(data)], split)
                assert len(dataset) == count
                for sample in dataset.samples:
                    assert sample.read_image().shape == (300, 300, 3)
                    cat, dog = sample.truth
                    np.testing.assert_allclose(
                        cat[:4], (0.05, 0.2, 0.3, 0.8), atol=1e-6
                    )
                    np.testing.assert_allclose(dog[:4], (0, 0, 0.5, 0.5), atol=1e-6)
                    assert list(sample.difficult) == [False, True]
            run.mkdir()
            for name in ("history.csv", "summary.json"):
                (run / name).write_text("")
        else:
            arguments[-1].write_bytes(bytes(150_000))

    monkeypatch.setattr(gpu_training, "call", call)
    gpu_training.train(args, tmp_path / "training")
    assert called[0][-2:] == ("--epochs", "1")
    weights = sorted(output.glob("best.weights.h5.*"))
    assert b"".join(path.read_bytes() for path in weights) == bytes(150_000)
    assert len(weights) == 2
