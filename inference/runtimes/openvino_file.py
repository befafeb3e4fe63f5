"""OpenVINO's NAME.xml with NAME.bin beside it, on the processor."""

import sys
from pathlib import Path

# openvino reports its use to Google Analytics through this package where it finds it
sys.modules.setdefault("openvino_telemetry", None)

import numpy as np  # noqa: E402
import openvino  # noqa: E402

from inference.runtimes.exported import Run  # noqa: E402
from models.weights.metadata import ATTRIBUTE  # noqa: E402

# the default is bfloat16 where a processor has it: not what was exported
SETTINGS = {"INFERENCE_PRECISION_HINT": "f32"}


def open_session(path: Path | str) -> tuple[str | None, Run]:
    """The card's text and the function."""
    core = openvino.Core()
    model = core.read_model(path)
    text = None
    if model.has_rt_info([ATTRIBUTE]):
        text = model.get_rt_info([ATTRIBUTE]).astype(str)
    compiled = core.compile_model(model, "CPU", SETTINGS)
    names = [output.get_any_name() for output in compiled.outputs]

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        results = compiled({"images": images})
        return {name: results[name] for name in names}

    return text, run
