"""Which branch an environment is made for."""

from __future__ import annotations

import pytest

from ciprov.environments.lifetime.branches import branch_of_job

JOB = {"GIT_URL": "https://ci:token@git.example/shop.git"}


@pytest.mark.parametrize(
    ("name", "variables", "branch"),
    [
        ("feature/ABC-12_x", {"BRANCH_NAME": "feature/ABC-12_x"}, "feature/ABC-12_x"),
        ("feature-abc-12-x", {"GIT_BRANCH": "origin/feature/ABC-12_x"}, "feature/ABC-12_x"),
        ("fix", {"BRANCH_NAME": "PR-7", "CHANGE_BRANCH": "fix"}, "fix"),
        ("demo", {"BRANCH_NAME": "main"}, ""),
        ("demo", {}, ""),
    ],
)
def test_a_jenkins_job_says_which_branch_it_builds(name: str, variables: dict[str, str], branch: str):
    assert branch_of_job(name, JOB | variables) == (branch, "https://git.example/shop.git" if branch else "")
