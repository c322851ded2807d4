"""Planning: what is wanted x what is -> steps. Pure: no input or output, no clock, no chance."""
