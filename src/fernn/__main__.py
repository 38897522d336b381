"""``python -m fernn`` is ``fernn``."""

from fernn.cli import main

raise SystemExit(main())
