"""The backend `tensorrt_rtx`: TensorRT-RTX engines on the GPU."""
