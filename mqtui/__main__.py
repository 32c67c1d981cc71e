"""`python -m mqtui`."""

from mqtui.cli import main

if __name__ == "__main__":
    main()
