"""The protocol, pure: frames, schemas, what a payload means. No Django model, no I/O."""
