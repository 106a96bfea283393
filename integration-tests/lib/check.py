# SPDX-License-Identifier: Apache-2.0
"""How a scenario says what must hold."""

import time


class Failure(Exception):
    """The subject did not do what it promises (an error of the test is any other exception)."""


def check(condition, message):
    """Fails the test with message unless condition is true."""
    if not condition:
        raise Failure(message)


def wait_for(what, condition, timeout_s, every_s=0.5):
    """Calls condition until it returns something true, and returns that.

    what names the awaited thing in the message of the failure after timeout_s seconds.
    """
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)
