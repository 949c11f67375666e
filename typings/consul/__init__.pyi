# Stubs of python-consul 1.1.0, for the part that discovery/consul_http.py uses.
from . import base as base
