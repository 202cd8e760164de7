"""What a policy means, as something that can be executed."""
