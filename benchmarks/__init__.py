"""Speed, always beside a baseline of the same run on the same machine: read the ratios, not the figures."""
