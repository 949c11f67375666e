"""What the manager knows: state, and pure rules about it. Nothing here awaits."""
