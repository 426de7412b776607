"""What the gate found, for people: in a terminal, as Markdown, as one HTML file."""
