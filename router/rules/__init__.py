"""What a router decides: values to values, with the time passed in; nothing here waits."""
