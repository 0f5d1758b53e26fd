"""What runs inside Triton: the compute backends of machines without a container, and what the Python models share."""
