"""knockctl: port-knocking policies, compiled to many vendors, deployed with a way back."""

__version__ = "0.1.0"
