"""Steps -> host, journalled, such that a crash anywhere can be undone."""
