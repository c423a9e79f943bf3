"""Where this checkout lies: the tests start processes in it, and read its files."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
