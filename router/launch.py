"""Start of the program: Ctrl-C during the imports ends it as a signal does, without a traceback."""

import signal


def run() -> None:
    """Import the command line and run it."""
    before = signal.getsignal(signal.SIGINT)
    is_usual = before is signal.default_int_handler  # ignored, for example, in the background
    if is_usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from router.cli import main  # here, because it takes most of the time of a start

    if is_usual:
        signal.signal(signal.SIGINT, before)
    main()
