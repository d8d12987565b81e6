"""Run `python -m parzc` like `parzc`."""

from parzc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
