"""FastAPI + ONNX Runtime: the same graphs that the server compiles, one session each.

python -m loadtest.compare.contenders.onnx_app --catalog FOLDER --port PORT --threads N
"""

import sys

import onnxruntime

from ensemble.chain import Arrays, Runner
from ensemble.contract import Model
from ensemble.places import MODEL_REPOSITORY
from loadtest.compare.contenders.web import chain_of, serve, threaded_arguments


def opened(model: Model, threads: int) -> Runner:
    """A compute model as a session of ONNX Runtime; many threads may run a session at once."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    file = MODEL_REPOSITORY / model.name / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(file, settings, providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in model.outputs]

    def run(inputs: Arrays, threads: int | None) -> Arrays:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run


def main() -> int:
    """Command line."""
    options = threaded_arguments(__doc__).parse_args()
    serve(chain_of(lambda model: opened(model, options.threads), options.catalog), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
