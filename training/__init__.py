"""How a detector learns: devices and precision, optimiser, engine, run folders."""
