"""One change on one device: never without a way back."""
