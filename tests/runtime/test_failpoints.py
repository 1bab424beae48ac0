"""Failpoints: inert unless armed, and armed only by what the environment says."""

import errno
import signal
import subprocess
import sys

import pytest

from perdure.runtime.failpoints import (
    ENVIRONMENT_VARIABLE,
    InjectedFault,
    arm_from_environment,
    failpoint,
    register,
    registered,
)

HERE = register("test.here")
THERE = register("test.there")


@pytest.fixture
def arm():
    yield lambda value: arm_from_environment({ENVIRONMENT_VARIABLE: value})
    arm_from_environment({})


def test_nothing_happens_at_a_failpoint_that_is_not_armed(arm):
    failpoint(HERE)
    arm(f"{THERE}=error")
    failpoint(HERE)


def test_an_armed_failpoint_acts_once_on_the_hit_it_is_armed_for(arm):
    arm(f"{HERE}=error@2, {THERE}=full")
    failpoint(HERE)
    with pytest.raises(InjectedFault, match=HERE):
        failpoint(HERE)
    failpoint(HERE)
    with pytest.raises(OSError, match=THERE) as full:
        failpoint(THERE)
    assert full.value.errno == errno.ENOSPC


def test_arming_anew_disarms_what_was_armed(arm):
    arm(f"{HERE}=error")
    arm("")
    failpoint(HERE)


def test_a_killing_failpoint_kills_the_process():
    program = (
        "from perdure.runtime import failpoints\n"
        "failpoints.register('x')\n"
        "failpoints.arm_from_environment({failpoints.ENVIRONMENT_VARIABLE: 'x=kill'})\n"
        "failpoints.failpoint('x')\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL


def test_what_can_be_armed_is_listed():
    assert {HERE, THERE} <= set(registered())


@pytest.mark.parametrize("value", ["test.nowhere=kill", f"{HERE}=explode", f"{HERE}=kill@0", f"{HERE}=kill@x", HERE])
def test_what_cannot_be_armed_is_refused(arm, value):
    with pytest.raises(ValueError, match=r"."):
        arm(value)
