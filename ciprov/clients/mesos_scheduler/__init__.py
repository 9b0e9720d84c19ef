"""A Mesos master through pymesos, behind a guard: see `driver.GuardedDriver`."""
