"""What an alert holds: reasons, evidence, dated facts, explanations, traces."""
