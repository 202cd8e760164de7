"""The lab: real packets on one machine, nothing outside it (design, section 10)."""
