"""teardown: bridges become plain NICs again."""
