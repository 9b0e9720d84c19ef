"""What may follow on the command line, for shells."""
