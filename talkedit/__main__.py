"""``python -m talkedit``, where the command itself is not on the path."""

from talkedit.cli import main

if __name__ == "__main__":
    main()
