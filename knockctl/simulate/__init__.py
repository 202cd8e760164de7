"""Traces: read from a file or a capture, and played to the policies and to a device's machine."""
