"""What a create asks for, where there is room for it, and what is given away but not there yet."""
