"""Settings: defaults, a file, environment variables and options become typed values that know where they came from."""
