"""Where the time goes, beside other projects and the machine's limits."""
