"""What was said lately, to know it again."""
