"""What a policy's training looked like: one page, and a live view while it lasts."""
