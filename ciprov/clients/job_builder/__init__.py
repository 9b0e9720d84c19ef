"""jenkins-job-builder as a library: definitions in YAML become jobs, and all that is wrong in them is told at once.

It comes with the extra `ciprov[jobs]`; `importing.require` says so where it is not there. By itself it ignores keys
that it does not know, stops at the first error, runs Python that YAML tags name, and reads settings from the home.
"""
