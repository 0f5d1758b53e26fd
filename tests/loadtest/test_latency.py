"""The latency comparison measures both ways on the same photo and checks that their answers agree."""

import math
from pathlib import Path

import numpy as np
import pytest

from ensemble.photo import decode
from loadtest.latency import BarePipeline, encode_jpeg, make_photo, measure


def test_made_photo_has_12_megapixels() -> None:
    photo = decode(make_photo())
    assert photo.extent.tolist() == [768, 1024]
    assert photo.scale[0] == pytest.approx(4000 / 1024)


def test_measure_reports_every_step_and_their_ratio() -> None:
    result = measure(encode_jpeg(np.full((300, 400, 3), 90, np.uint8)), requests=2, cores=2)
    assert [name.split()[1] for name in result.bare_p50_ms] == [
        *("decode", "preprocess", "segmentation", "zoom", "segmentation", "crop", "embedding", "search"),
    ]
    assert math.isclose(result.bare_sum_ms, sum(result.bare_p50_ms.values()))
    assert math.isclose(result.ratio, result.served_p50_ms / result.bare_sum_ms)


def test_warm_up_is_not_counted(tmp_path: Path) -> None:
    pipeline = BarePipeline(tmp_path, cores=2)
    pipeline.run(encode_jpeg(np.full((300, 400, 3), 90, np.uint8)), counted=False)
    assert pipeline.seconds == {}
