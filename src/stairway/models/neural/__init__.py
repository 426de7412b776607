"""What a small network says about a row, without the library that trained it."""
