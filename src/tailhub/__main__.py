"""Entry point of ``tailhub`` and ``python -m tailhub``.

Written so that an old Python can read it far enough to say that it is too old.
"""

import sys


def main():  # type: ignore[no-untyped-def]  # old Pythons read this file too
    """Check the interpreter, then hand over to the command line."""
    try:
        return _main()  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:  # while modules are still being imported, too
        return 130


def derper():  # type: ignore[no-untyped-def]
    """``derper``: as ``tailhub derper``, for those who have that in their scripts and units."""
    sys.argv.insert(1, "derper")
    return main()  # type: ignore[no-untyped-call]


def _main():  # type: ignore[no-untyped-def]
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.stderr.write(
            "tailhub needs Python 3.11 or newer, found %d.%d. Install a newer one, then make a virtual environment "  # noqa: UP031
            "with it: python3.12 -m venv .venv\n" % sys.version_info[:2]
        )
        return 1
    from tailhub.cli.app import run

    return run()


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[no-untyped-call]
