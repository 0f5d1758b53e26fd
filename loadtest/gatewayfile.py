"""Load on the gateway with Locust: users that post photos, and phones that send frames.

    locust -f loadtest/gatewayfile.py --host http://127.0.0.1:8080 --headless --users 4 --run-time 60s Visitor

The gateway's limits count all users of one machine as one client: raise them (`python -m web --requests 100000 …`).
"""

from loadtest.locust.browser_users import Phone, Visitor
from loadtest.locust.load_user import Shape

__all__ = ["Phone", "Shape", "Visitor"]
