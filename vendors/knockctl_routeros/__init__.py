"""Port knocking on MikroTik RouterOS: one firewall chain, one jump, timed address lists."""
