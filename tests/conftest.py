"""How many examples a property gets, and how tests meet the shell that starts them.

``pytest`` alone has to say the same each time, on a laptop as on a busy build machine, so its
examples follow from the test's own text and no example fails for being slow. New ones are looked
for with ``pytest tests/unit --hypothesis-profile=thorough``; what that finds becomes a case of
its own.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=50, derandomize=True, deadline=None)
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")

# What a shell script starts in the background ignores it, and so would every client that a test
# interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
