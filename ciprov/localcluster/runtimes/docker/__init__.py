"""Tasks with an image, as containers of this machine's Docker engine."""
