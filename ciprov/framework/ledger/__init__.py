"""The ledger of tasks: what was meant to be launched, what became of it, and what to do now. Pure.

`transitions` is the table of states, `entry` one task, `status` what Mesos says of one, `book` the ledger itself with
all that may happen to it, `effects` what is to be done then, `upkeep` what time alone brings.
"""
