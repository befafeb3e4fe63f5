"""Stop anywhere and go on: checkpoints, exact resume, signals, non-finite steps."""
