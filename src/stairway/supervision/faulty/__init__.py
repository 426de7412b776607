"""Which answers are at fault, and in what way."""
