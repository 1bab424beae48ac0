"""Order fulfilment: stock, payment, approval and shipping, with a shop whose books are files.

`perdure serve --app examples.order_fulfilment:app` serves it; `docs/order-fulfilment.md` plays it through.
"""

from examples.order_fulfilment.tasks import app

__all__ = ["app"]
