"""Planning: spec and facts -> steps. Pure: no input or output, no clock, no random numbers."""
