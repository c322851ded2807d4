"""What is kept of a run: its journal, its plan, the documents before it, and the list of all runs."""
