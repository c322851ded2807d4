"""What makes vmnet refuse a change of the host: a module for each risk, and the option that accepts it."""
