"""Names and files that others choose, against what vmnet prints and reads."""
