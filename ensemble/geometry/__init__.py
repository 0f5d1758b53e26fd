"""What the pipeline computes without learned weights: find the coin, frame it, rectify it, map its relief.

`graphs` does it in torch modules, which are exported for GPUs; `opencv` does it for CPUs. `rules` is what both follow:
the contract says what goes into a step and what comes out, and the tests of a step run on both.
"""
