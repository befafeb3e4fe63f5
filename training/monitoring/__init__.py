"""What is seen while a training runs: validation, diagnosis, failures, samples."""
