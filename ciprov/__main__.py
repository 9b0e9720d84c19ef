"""`python -m ciprov`: the same as the command `ciprov`."""

from ciprov.cli.main import run

if __name__ == "__main__":
    run()
