"""A training step and what it waits for: images, matching, the first trace."""
