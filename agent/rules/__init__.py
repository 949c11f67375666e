"""What is to be registered, decided from values alone: nothing in here waits."""
