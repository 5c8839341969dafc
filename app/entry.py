"""Where the `paperlight` command begins: an interrupt of its imports ends in a line as well.

It imports nothing at its top, for what runs before `main` cannot be caught there.
"""

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main() -> None:
    """Load the commands and run the one that is asked for."""
    try:
        from app.cli import main as run

        run()
    except KeyboardInterrupt:
        import sys

        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
