"""python -m saccade: the same as the `saccade` command."""

from saccade.cli.main import main

main()
