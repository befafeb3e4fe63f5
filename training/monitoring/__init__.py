"""What is seen while a training runs: progress, validation, diagnosis, samples."""
