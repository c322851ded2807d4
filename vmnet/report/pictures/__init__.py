"""The topology as text, Graphviz, Mermaid and HTML."""
