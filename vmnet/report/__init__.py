"""Plans, findings and results as text for people, or as JSON."""
