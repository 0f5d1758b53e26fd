"""The backend `openvino`: ONNX graphs on the CPU."""
