"""Load on one model of the server with Locust; its input is what a real photo becomes on its way there.

    locust -f loadtest/single_model.py --host localhost:8001 --model segmentation [--batch 4] …

All other options are those of `loadtest/locustfile.py`.
"""

from loadtest.locust.load_user import Shape
from loadtest.locust.model_user import ModelUser

__all__ = ["ModelUser", "Shape"]
