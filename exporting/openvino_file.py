"""OpenVINO's NAME.xml and NAME.bin, from the ONNX model.

Through `read_model`, not `convert_model`: that one reports its use to Google Analytics.
"""

import sys
from pathlib import Path

# as inference/runtimes/openvino_file.py
sys.modules.setdefault("openvino_telemetry", None)

import onnx  # noqa: E402
import openvino  # noqa: E402

from exporting import ExportSpec, onnx_file  # noqa: E402
from models.weights.metadata import ATTRIBUTE  # noqa: E402


def write(exportable: ExportSpec, path: Path) -> None:
    """Write the pair in the card's precision."""
    temporary = path.with_suffix(".onnx")
    onnx.save(onnx_file.convert(exportable), temporary)
    metadata = exportable.metadata
    try:
        model = openvino.Core().read_model(temporary)
        model.set_rt_info(metadata.to_json(), [ATTRIBUTE])
        is_half = metadata.precision == "float16"
        openvino.save_model(model, path, compress_to_fp16=is_half)
    finally:
        temporary.unlink()
