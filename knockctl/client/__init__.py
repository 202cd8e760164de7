"""The knocking client: exactly one packet per knock."""
