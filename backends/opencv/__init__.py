"""The backend `opencv`: geometry on the CPU."""
