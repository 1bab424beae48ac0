"""`python -m examples.order_fulfilment` prints the books of the shop."""

import sys

from examples.order_fulfilment.shop import summary

sys.stdout.write("\n".join(summary()) + "\n")
