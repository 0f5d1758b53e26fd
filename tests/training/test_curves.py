"""The curves of a training as a picture."""

from pathlib import Path

import cv2
import pytest

from training.curves import draw, read_log


def test_a_log_becomes_a_picture(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("minutes,step,loss,recall@1\n1.0,10,2.5,0.25\n2.0,20,1.5,0.5\n")
    columns = read_log(log)
    assert columns["recall@1"] == [0.25, 0.5]
    draw(columns, tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture.shape[1] > picture.shape[0] and picture.std() > 5


def test_an_empty_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("minutes,step,loss\n")
    with pytest.raises(ValueError, match="has no rows"):
        read_log(tmp_path / "log.csv")
