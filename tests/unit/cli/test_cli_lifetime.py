"""What the options of lifetimes mean."""

from __future__ import annotations

import click
import pytest

from ciprov.cli.env.reap import _policy as policy_of
from ciprov.cli.env.reap import reap
from ciprov.cli.env.request import lifetime
from ciprov.environments.lifetime.reaping import Policy


@pytest.mark.parametrize(("given", "seconds"), [("never", 0), (" Never ", 0), ("0", 0), (0, 0), ("8h", 28800)])
def test_a_time_to_live_may_be_never(given, seconds):
    assert lifetime(given) == seconds


def test_no_time_to_live_is_told():
    with pytest.raises(click.BadParameter, match="is no duration"):
        lifetime("soon")


def test_options_override_settings_but_only_add_protection():
    settings = Policy(grace=60, idle=5, max_share=10, protected_names=("main",))
    context = reap.make_context("reap", ["--idle", "0", "--protect", "demo-*", "--protect-kind", "staging"])
    policy = policy_of(settings, context.params)
    assert policy == Policy(60, 0, 86400, 10, 20, ("main", "demo-*"), ("staging",))
