"""What every screen shares: who is signed in, the page around it, labels, the first screen."""
