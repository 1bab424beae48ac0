"""Measures Perdure on this machine, beside the limits of its parts measured in the same run.

`python -m bench` needs Linux and h2load, which Debian has in its package nghttp2-client.
"""
