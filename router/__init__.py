"""The edge: Consul's services rendered into HAProxy or Nginx, checked, reloaded gracefully.

``grammar``, ``build``, ``guard``, ``memory``, ``debounce``, ``render`` and ``haproxy_plan`` decide
and wait for nothing; ``apply``, ``supervisor`` and ``runtime`` act.
"""
